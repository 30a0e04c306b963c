/** A listener that keeps what it is given; its room can be taken away. */
import { eventTexts } from '@cc-executor/protocol';
import type { Attachment, AttachOutcome, Listener } from '../src/index.ts';
import { parseEvents } from './suite/twin.ts';

export type Recorder = Listener & {
  room: boolean;
  readonly seqs: number[];
  readonly ends: number;
  readonly losses: { lastSeq: number; reason: string }[];
  readonly failures: unknown[];
  /** Resolves when the condition holds; looked at whenever something comes. */
  until(condition: () => boolean): Promise<void>;
};

export function createRecorder(onDeliver: () => void = () => {}): Recorder {
  const waiting = new Set<() => void>();
  const seqs: number[] = [];
  const losses: { lastSeq: number; reason: string }[] = [];
  const failures: unknown[] = [];
  let ends = 0;
  const came = () => {
    for (const check of waiting) check();
  };
  return {
    room: true,
    seqs,
    losses,
    failures,
    get ends() {
      return ends;
    },
    hasRoom() {
      return this.room;
    },
    deliver(batch) {
      seqs.push(...parseEvents(eventTexts(batch)).map(({ seq }) => seq));
      onDeliver();
      came();
    },
    ended() {
      ends += 1;
      came();
    },
    lost(lastSeq, reason) {
      losses.push({ lastSeq, reason });
      came();
    },
    failed(error) {
      failures.push(error);
      came();
    },
    until(condition) {
      return new Promise((resolve) => {
        const check = () => {
          if (!condition()) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      });
    },
  };
}

/** from … to, both included. */
export function seqRange(from: number, to: number): number[] {
  return Array.from({ length: Math.max(to - from + 1, 0) }, (_, i) => from + i);
}

/** The attachment of an attach that is expected to succeed, begun. */
export function begun(outcome: AttachOutcome): Attachment {
  if (outcome.code !== 'attached') throw new Error(`was not attached: ${outcome.code}`);
  outcome.begin();
  return outcome.attachment;
}
