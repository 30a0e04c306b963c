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
  /** @param head the beginning of a frame, at least up to its stamp, or all of a batch @param bytes how long the frame is */
  read(head: string, bytes: number): void;
};

const BATCH = '{"jsonrpc":"2.0","method":"events"';
const TYPE = '"type":"';
const SEQ = '"seq":';
const TEXT = '"text":"';
type Batch = { firstSeq: number; events: { type: string; text?: string }[] };

const TERMINAL = new Set(['completed', 'failed', 'cancelled', 'timed_out']);

/** Whether a frame holds several events. */
export function isBatch(head: string): boolean {
  return head.startsWith(BATCH);
}

export function createEventReader({ onOutput, onEnd, onFault }: EventHandlers): EventReader {
  let last = 0;
  let hasEnded = false;

  function advance(seq: number): void {
    if (seq !== last + 1) onFault(`seq ${seq} came after ${last}`);
    if (hasEnded) onFault('an event came after the end');
    last = seq;
  }

  function end(type: string): void {
    if (!TERMINAL.has(type)) return;
    hasEnded = true;
    onEnd(type);
  }

  /** @param bytes of the whole frame; each event counts as an equal part of it */
  function readBatch(text: string, bytes: number): void {
    const { firstSeq, events } = (JSON.parse(text) as { params: Batch }).params;
    for (const [index, { type, text }] of events.entries()) {
      advance(firstSeq + index);
      if (type === 'output') onOutput(stampOf(text ?? '', 0), bytes / events.length);
      else end(type);
    }
  }

  return {
    reset() {
      last = 0;
      hasEnded = false;
    },
    read(head, bytes) {
      if (isBatch(head)) return readBatch(head, bytes);
      const typeAt = head.indexOf(TYPE);
      if (typeAt === -1) return;
      const seqAt = head.indexOf(SEQ) + SEQ.length;
      advance(Number.parseInt(head.slice(seqAt, seqAt + 12), 10));
      const from = typeAt + TYPE.length;
      if (head.startsWith('output"', from))
        onOutput(stampOf(head, head.indexOf(TEXT, from) + TEXT.length), bytes);
      else end(head.slice(from, head.indexOf('"', from)));
    },
  };
}

/** @param at where the chunk's text begins */
function stampOf(text: string, at: number): number {
  return text[at] === '@' ? Number(text.slice(at + 1, text.indexOf('@', at + 1))) : Number.NaN;
}
