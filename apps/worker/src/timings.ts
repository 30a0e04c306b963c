/** Measures how long an attempt waited for what: the worker's part of the terminal event's timings. */
import type { UpstreamEvent } from '@cc-executor/claude-api-client';
import type { RunSummary } from '@cc-executor/protocol';

/** `retries`: calls that came to nothing, and waiting for a usage limit. */
export type FirstOutputCause = 'queue' | 'retries' | 'start' | 'answer';

export type Timings = {
  /** claude-api is called, for the first time or again. */
  call(): void;
  follow(event: UpstreamEvent): void;
  /** Adds what is known to what Claude Code says itself. */
  addTo<T extends RunSummary>(summary: T): T;
  /** What an output that comes now has waited for, each in ms. */
  causes(): Record<FirstOutputCause, number>;
};

/** @param takenAt when this worker took the job, by `performance.now()`; @param queueMs how long it had waited then */
export function createTimings(takenAt: number, queueMs: number): Timings {
  let startMs: number | undefined;
  let firstOutputMs: number | undefined;
  let calledMs = 0;
  const elapsed = () => Math.round(performance.now() - takenAt);
  return {
    call() {
      calledMs = elapsed();
    },
    follow({ type }) {
      if (type === 'session') startMs ??= elapsed();
      else if (type === 'text' || type === 'message') firstOutputMs ??= elapsed();
    },
    addTo(summary) {
      const timings = {
        queueMs,
        ...(startMs !== undefined && { startMs }),
        ...(firstOutputMs !== undefined && { firstOutputMs }),
        ...summary.timings,
      };
      return { ...summary, timings };
    },
    causes() {
      const readyMs = Math.max(startMs ?? 0, calledMs);
      return { queue: queueMs, retries: calledMs, start: readyMs - calledMs, answer: elapsed() - readyMs };
    },
  };
}
