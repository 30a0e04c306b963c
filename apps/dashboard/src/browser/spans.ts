/** Where each moment of a job lies on its waterfall, and for how long what it began went on. */
import type { Moment } from '@cc-executor/timeline';

export type Span = Moment & {
  /** From the job's acceptance, in ms. */
  fromMs: number;
  /** Of what is over at once, 0. */
  spanMs: number;
  /** Whether it goes on. */
  isOpen: boolean;
};

/** What ends that which these begin; all else knows its own duration. */
const ENDS: Partial<Record<Moment['kind'], readonly Moment['kind'][]>> = {
  queued: ['started', 'ended'],
  started: ['first_output', 'reset', 'ended'],
  first_output: ['reset', 'ended'],
  tool: ['reset', 'ended'],
  paused: ['reset', 'ended'],
};

/** @param now until when what goes on is drawn, by Redis's clock or about so */
export function spansOf(moments: readonly Moment[], now: number): { spans: Span[]; totalMs: number } {
  const from = moments[0]?.at ?? now;
  const spans = moments.map((moment, index): Span => {
    const { at, kind, durationMs } = moment;
    const ends = ENDS[kind];
    const end = ends && moments.slice(index + 1).find((later) => ends.includes(later.kind))?.at;
    const isOpen = durationMs === undefined && ends !== undefined && end === undefined;
    // The pages' clock may be behind.
    const spanMs = durationMs ?? (ends ? Math.max(0, (end ?? now) - at) : 0);
    return { ...moment, fromMs: at - from, spanMs, isOpen };
  });
  return { spans, totalMs: Math.max(1, ...spans.map(({ fromMs, spanMs }) => fromMs + spanMs)) };
}
