/** The answer's text as it stands: its digest, and its last block, as long as that can be told at the end. */
import { createTextDigest } from '@cc-executor/claude-stream';
import { type Digest, MAX_TERMINAL_TEXT_LENGTH } from '@cc-executor/protocol';

export type Answer = {
  /** @param bytes its UTF-8, where whoever calls has it */
  append(text: string, begin: boolean, bytes?: Uint8Array): void;
  discard(): void;
  /** No block has begun, or stands. */
  isEmpty(): boolean;
  /** Undefined when there is none, or it is longer than a terminal event tells. */
  lastBlock(): string | undefined;
  digest(): Digest;
};

/** A block that is too long has no text: it would be held until the job has ended, for nothing. */
type Block = { text: string | undefined };

export function createAnswer(): Answer {
  const digest = createTextDigest();
  let last: Block | undefined;
  let beforeLast: Block | undefined;
  return {
    append(text, begin, bytes) {
      digest.append(text, begin, bytes);
      if (begin) beforeLast = last;
      // Without a block before it, a piece is the first one.
      if (begin || last === undefined) last = { text: '' };
      if (last.text === undefined) return;
      const isLong = last.text.length + text.length > MAX_TERMINAL_TEXT_LENGTH;
      last.text = isLong ? undefined : last.text + text;
    },
    discard() {
      digest.discard();
      last = beforeLast;
    },
    isEmpty: () => last === undefined,
    lastBlock: () => last?.text,
    digest: () => digest.value(),
  };
}
