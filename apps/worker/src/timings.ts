/** Measures how long an attempt waited for what: the worker's part of the terminal event's timings. */
import type { UpstreamEvent } from '@cc-executor/claude-api-client';
import type { RunSummary } from '@cc-executor/protocol';

export type Timings = {
  follow(event: UpstreamEvent): void;
  /** Adds what is known to what Claude Code says itself. */
  addTo<T extends RunSummary>(summary: T): T;
};

/** @param takenAt when this worker took the job, by `performance.now()`; @param queueMs how long it had waited then */
export function createTimings(takenAt: number, queueMs: number): Timings {
  let startMs: number | undefined;
  let firstOutputMs: number | undefined;
  const elapsed = () => Math.round(performance.now() - takenAt);
  return {
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
  };
}
