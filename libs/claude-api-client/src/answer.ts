/** The answer's text as it stands: its digest, and its last block. */
import { createTextDigest } from '@cc-executor/claude-stream';
import type { Digest } from '@cc-executor/protocol';

export type Answer = {
  append(text: string, begin: boolean): void;
  discard(): void;
  lastBlock(): string | undefined;
  digest(): Digest;
};

export function createAnswer(): Answer {
  const digest = createTextDigest();
  let last: string | undefined;
  let beforeLast: string | undefined;
  return {
    append(text, begin) {
      digest.append(text, begin);
      if (begin) {
        beforeLast = last;
        last = text;
      } else {
        last = (last ?? '') + text;
      }
    },
    discard() {
      digest.discard();
      last = beforeLast;
    },
    lastBlock: () => last,
    digest: () => digest.value(),
  };
}
