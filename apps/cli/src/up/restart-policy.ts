/**
 * When a child process that died is started again. Pure: the supervisor keeps the state and does the waiting.
 * A child that had worked for a while starts again soon and with a clean slate; one that keeps dying waits longer
 * each time, for ever, and is reported loudly.
 */

export type RestartState = {
  /** Deaths in a row, none of them after a time of health. */
  readonly quickDeaths: number;
};

export type RestartDecision = {
  readonly state: RestartState;
  /** How long to wait before the next start, in ms. */
  readonly delayMs: number;
  /** It does not get better by itself: somebody has to look. */
  readonly loud: boolean;
};

export type RestartLimits = {
  readonly baseMs: number;
  readonly maxMs: number;
  /** Having been ready for this long, a child counts as healthy. */
  readonly healthyMs: number;
  readonly loudAfter: number;
};

export const defaultLimits: RestartLimits = {
  baseMs: 250,
  maxMs: 15_000,
  healthyMs: 30_000,
  loudAfter: 5,
};

export const freshState: RestartState = { quickDeaths: 0 };

/**
 * Decides after a death.
 *
 * @param readyForMs for how long the child had been ready; undefined when it never was
 */
export function decideRestart(
  state: RestartState,
  readyForMs: number | undefined,
  limits: RestartLimits = defaultLimits,
): RestartDecision {
  const wasHealthy = readyForMs !== undefined && readyForMs >= limits.healthyMs;
  const quickDeaths = wasHealthy ? 1 : state.quickDeaths + 1;
  return {
    state: { quickDeaths },
    delayMs: Math.min(limits.maxMs, limits.baseMs * 2 ** (quickDeaths - 1)),
    loud: quickDeaths >= limits.loudAfter,
  };
}
