/**
 * Why an attempt is stopped from outside. The first reason counts, but for two: after a fault its output may be
 * incomplete, whatever else happened, and a lost job is lost.
 */
import type { TerminalBody } from '@cc-executor/protocol';

export type CancelBy = Extract<TerminalBody, { type: 'cancelled' }>['by'];

/** What limits the attempt itself: its time in all, and how long it may be paused. */
export type AttemptLimit = 'total' | 'paused';

export type StopReason =
  | { kind: 'cancel'; by: CancelBy }
  | { kind: 'deadline'; limit: AttemptLimit }
  | { kind: 'drain' }
  /** The job's events take more than they may. */
  | { kind: 'overflow'; maxBytes: number }
  /** Redis will never do what the attempt needs: what it has put out may be incomplete. */
  | { kind: 'fault' }
  /** Another attempt, or the sweeper, owns the job: nothing more may be written. */
  | { kind: 'lost'; detail: string };

export type Stop = {
  readonly signal: AbortSignal;
  reason(): StopReason | undefined;
  /** Who cancelled, if anybody did; also when another reason came first. */
  cancelBy(): CancelBy | undefined;
  request(reason: StopReason): void;
};

export function createStop(): Stop {
  const controller = new AbortController();
  let counting: StopReason | undefined;
  let cancelBy: CancelBy | undefined;
  return {
    signal: controller.signal,
    reason: () => counting,
    cancelBy: () => cancelBy,
    request(reason) {
      if (reason.kind === 'cancel') cancelBy ??= reason.by;
      if (rankOf(reason) > rankOf(counting)) counting = reason;
      controller.abort();
    },
  };
}

function rankOf(reason: StopReason | undefined): number {
  if (reason === undefined) return 0;
  if (reason.kind === 'lost') return 3;
  return reason.kind === 'fault' ? 2 : 1;
}
