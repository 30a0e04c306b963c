/**
 * Reads the frames of one job without parsing them as JSON, so that the client is not what is measured, and checks that
 * nothing is missing: seq counts 1, 2, 3 …, and there is exactly one end.
 */

export type EventHandlers = {
  /** @param stampUs when the upstream wrote the chunk; NaN when it says nothing about that */
  onOutput(stampUs: number, bytes: number): void;
  /** @param type of the terminal event */
  onEnd(type: string): void;
  onFault(what: string): void;
};

export type EventReader = {
  /** The next events are those of another job. */
  reset(): void;
  /** @param head the beginning of a frame, at least up to its stamp @param bytes how long the frame is */
  read(head: string, bytes: number): void;
};

const TYPE = '"type":"';
const SEQ = '"seq":';
const TEXT = '"text":"';
const TERMINAL = new Set(['completed', 'failed', 'cancelled', 'timed_out']);

export function createEventReader({ onOutput, onEnd, onFault }: EventHandlers): EventReader {
  let last = 0;
  let hasEnded = false;

  function readStamp(head: string, from: number): number {
    const at = head.indexOf(TEXT, from) + TEXT.length;
    return head[at] === '@' ? Number(head.slice(at + 1, head.indexOf('@', at + 1))) : Number.NaN;
  }

  return {
    reset() {
      last = 0;
      hasEnded = false;
    },
    read(head, bytes) {
      const typeAt = head.indexOf(TYPE);
      if (typeAt === -1) return;
      const seqAt = head.indexOf(SEQ) + SEQ.length;
      const seq = Number.parseInt(head.slice(seqAt, seqAt + 12), 10);
      if (seq !== last + 1) onFault(`seq ${seq} came after ${last}`);
      if (hasEnded) onFault('an event came after the end');
      last = seq;
      const from = typeAt + TYPE.length;
      if (head.startsWith('output"', from)) {
        onOutput(readStamp(head, from), bytes);
        return;
      }
      const type = head.slice(from, head.indexOf('"', from));
      if (!TERMINAL.has(type)) return;
      hasEnded = true;
      onEnd(type);
    },
  };
}
