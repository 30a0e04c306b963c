/** Why an attempt is stopped from outside. The first reason counts, but for one: a lost job is lost. */

export type StopReason =
  | { kind: 'cancel'; by: 'client' | 'disconnect' | 'operator' }
  | { kind: 'deadline' }
  | { kind: 'drain' }
  /** Another attempt, or the sweeper, owns the job: nothing may be written any more. */
  | { kind: 'lost'; detail: string };

export type Stop = {
  readonly signal: AbortSignal;
  reason(): StopReason | undefined;
  request(reason: StopReason): void;
};

export function createStop(): Stop {
  const controller = new AbortController();
  let first: StopReason | undefined;
  return {
    signal: controller.signal,
    reason: () => first,
    request(reason) {
      if (!first || reason.kind === 'lost') first = reason;
      controller.abort();
    },
  };
}
