/** Why an attempt is stopped from outside. The first reason counts, but for one: a lost job is lost. */
import type { TerminalBody } from '@cc-executor/protocol';

export type CancelBy = Extract<TerminalBody, { type: 'cancelled' }>['by'];

/** What limits the attempt itself: its time in all, and how long it may be paused. */
export type AttemptLimit = 'total' | 'paused';

export type StopReason =
  | { kind: 'cancel'; by: CancelBy }
  | { kind: 'deadline'; limit: AttemptLimit }
  | { kind: 'drain' }
  /** Another attempt, or the sweeper, owns the job: nothing may be written any more. */
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
  let first: StopReason | undefined;
  let cancelBy: CancelBy | undefined;
  return {
    signal: controller.signal,
    reason: () => first,
    cancelBy: () => cancelBy,
    request(reason) {
      if (reason.kind === 'cancel') cancelBy ??= reason.by;
      if (!first || reason.kind === 'lost') first = reason;
      controller.abort();
    },
  };
}
