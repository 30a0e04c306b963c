/** Colours for a stream, when it is a terminal that has them. */
import pc from 'picocolors';

export type Colors = ReturnType<typeof pc.createColors>;

/** What we need of a stream to know; `hasColors` honours NO_COLOR, FORCE_COLOR and TERM. */
export type ColorStream = { isTTY?: boolean; hasColors?: () => boolean };

export function hasColors(stream: ColorStream): boolean {
  return stream.isTTY === true && stream.hasColors?.() === true;
}

export function colorsFor(stream: ColorStream): Colors {
  return pc.createColors(hasColors(stream));
}
