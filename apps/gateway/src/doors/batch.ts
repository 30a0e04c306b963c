/** Frames that are sent together, one after another; it may wait for many connections at once. */
export type Batch = {
  readonly frames: readonly Buffer[];
  readonly bytes: number;
};

/** Makes a batch of frames. */
export function createBatch(texts: readonly string[]): Batch {
  const frames = texts.map((text) => Buffer.from(text));
  return { frames, bytes: frames.reduce((sum, { length }) => sum + length, 0) };
}
