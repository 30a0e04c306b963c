/**
 * Shortens a JSON value to a length, so that what it is can still be seen: long texts are cut and end with `…`, long lists
 * and objects lack members. No member takes more than half of what there is room for when its turn comes, and
 * simple ones come first: so ids and names stand, and the longest members pay. Pure.
 */
import { cutText } from './utf8-cuts.ts';

type Short = { value: unknown; bytes: number };

const MARK = '…';
/** A text is not cut to less: it is left out then. */
const MIN_CUT_BYTES = 64;

/** The same kind of object, with `maxBytes` as JSON in UTF-8 at most. */
export function shorten<T extends object>(value: T, maxBytes: number): T {
  return shortenContainer(value, maxBytes).value as T;
}

function shortenContainer(container: object, maxBytes: number): Short {
  const isList = Array.isArray(container);
  const members = Object.entries(container);
  const kept: { at: number; name: string; value: unknown }[] = [];
  // Its brackets; each member brings its name, its colon and a comma.
  let left = maxBytes - 2;
  for (const complex of [false, true]) {
    for (const [at, [name, member]] of members.entries()) {
      if (left < 4) break;
      if ((typeof member === 'object' && member !== null) !== complex) continue;
      const around = isList ? 1 : bytesOf(name) + 2;
      const short = shortenValue(member, Math.floor(left / 2) - around);
      if (!short) continue;
      kept.push({ at, name, value: short.value });
      left -= around + short.bytes;
    }
  }
  kept.sort((a, b) => a.at - b.at);
  const value = isList
    ? kept.map((member) => member.value)
    : Object.fromEntries(kept.map((member) => [member.name, member.value]));
  return { value, bytes: maxBytes - left };
}

/** Undefined when nothing of it fits. */
function shortenValue(value: unknown, room: number): Short | undefined {
  if (typeof value === 'object' && value !== null) {
    return room < 2 ? undefined : shortenContainer(value, room);
  }
  // Its JSON is not made for nothing.
  const bytes = typeof value === 'string' && value.length > room ? Number.POSITIVE_INFINITY : bytesOf(value);
  if (bytes <= room) return { value, bytes };
  return typeof value === 'string' ? shortenText(value, room) : undefined;
}

function shortenText(text: string, room: number): Short | undefined {
  // Escapes take more than the text itself.
  for (let length = room - MARK.length * 3 - 2; length >= MIN_CUT_BYTES; length = Math.floor(length / 2)) {
    const value = `${cutText(text, length)}${MARK}`;
    const bytes = bytesOf(value);
    if (bytes <= room) return { value, bytes };
  }
  return undefined;
}

function bytesOf(value: unknown): number {
  // In a list, what JSON does not know is null.
  return Buffer.byteLength(JSON.stringify(value) ?? 'null');
}
