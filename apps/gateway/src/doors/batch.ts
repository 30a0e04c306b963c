/**
 * Frames that are sent together, one after another, as the bytes that go over the wire: they may wait for many connections
 * at once. Each piece holds one frame or more.
 */
export type Batch = {
  readonly pieces: readonly Piece[];
  readonly bytes: number;
};

/** Whole frames, in one buffer or in several that are written one right after the other. */
export type Piece = Buffer | readonly Buffer[];

export function createBatch(pieces: readonly Piece[]): Batch {
  return { pieces, bytes: pieces.reduce((sum, piece) => sum + pieceBytes(piece), 0) };
}

export function pieceBytes(piece: Piece): number {
  return Buffer.isBuffer(piece) ? piece.length : piece.reduce((sum, { length }) => sum + length, 0);
}

/** About so much is handed over at once, where it may be less. */
export const PIECE_BYTES = 64 * 1024;

/** Makes a batch of texts that are sent one right after the other. */
export function createTextBatch(texts: readonly string[]): Batch {
  const pieces: Buffer[] = [];
  for (let from = 0; from < texts.length; ) {
    let to = from;
    for (let length = 0; to < texts.length && length < PIECE_BYTES; to += 1) length += texts[to]?.length ?? 0;
    pieces.push(Buffer.from(texts.slice(from, to).join('')));
    from = to;
  }
  return createBatch(pieces);
}
