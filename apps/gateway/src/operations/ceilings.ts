/**
 * The operator's ceilings on what an `execute` may ask for, by path of the parameter: one table, of which the settings, the
 * check, what `connected` tells and the values of jobs that name none are made. How long an ended job is kept no request
 * can say.
 */
import { findUngranted, type Grants } from '@cc-executor/claude-options';
import {
  DEFAULT_MAX_ATTEMPTS,
  DEFAULT_TIMEOUTS,
  type ExecuteParams,
  MAX_ATTEMPTS,
  MAX_PRIORITY,
  MAX_TIMEOUT_MS,
  MIN_TIMEOUT_MS,
  ProtocolError,
} from '@cc-executor/protocol';
import { type Config, durationMs, positiveInt, type Setting, setting } from '@cc-executor/runtime';

export const ceilingSettings = {
  'timeouts.queueMs': timeout('LIMIT_QUEUE_MS', 'wait for a worker'),
  'timeouts.firstOutputMs': timeout('LIMIT_FIRST_OUTPUT_MS', 'run without any output'),
  'timeouts.idleMs': timeout('LIMIT_IDLE_MS', 'be silent after output'),
  'timeouts.totalMs': timeout('LIMIT_TOTAL_MS', 'take in all'),
  'timeouts.pausedMs': timeout('LIMIT_PAUSED_MS', 'be paused'),
  maxAttempts: setting({
    env: 'LIMIT_ATTEMPTS',
    schema: positiveInt({ max: MAX_ATTEMPTS }),
    default: MAX_ATTEMPTS,
    description:
      'Ceiling: how often a request with retry "always" may let its job be begun. The default of 3 is lowered to it.',
  }),
  priority: setting({
    env: 'LIMIT_PRIORITY',
    schema: positiveInt({ min: 0, max: MAX_PRIORITY }),
    default: 0,
    description:
      'Ceiling: the most urgent priority that a request may ask for, and that of requests which name none. 0 goes before all others.',
  }),
} satisfies Record<`timeouts.${TimeoutName}` | 'maxAttempts' | 'priority', Setting<number>>;

export type Ceilings = Config<typeof ceilingSettings>;

type TimeoutName = keyof typeof DEFAULT_TIMEOUTS;
type Bounded = Pick<ExecuteParams, 'timeouts' | 'retry' | 'maxAttempts' | 'priority'>;
type Granted = Pick<ExecuteParams, 'systemPrompt' | 'settings'>;

const timeoutNames = Object.keys(DEFAULT_TIMEOUTS) as TimeoutName[];

function timeout(env: string, what: string): Setting<number> {
  return setting({
    env,
    schema: durationMs({ min: MIN_TIMEOUT_MS, max: MAX_TIMEOUT_MS }),
    default: MAX_TIMEOUT_MS,
    description: `Ceiling: how long a request may let its job ${what}. A default that is longer is lowered to it.`,
  });
}

/** The ceilings alone, of all settings. */
export function ceilingsOf(config: Ceilings): Ceilings {
  const paths = Object.keys(ceilingSettings) as (keyof Ceilings)[];
  return Object.fromEntries(paths.map((path) => [path, config[path]])) as Ceilings;
}

/**
 * Errors: `beyond_ceiling`, which names each ceiling that the request passes.
 *
 * @param others ceilings that are not the operator's for everybody, and that it passes, in words
 */
export function refuseBeyond(
  asked: Bounded & Granted,
  ceilings: Ceilings,
  grants: Grants,
  others: readonly string[] = [],
): void {
  const { timeouts, maxAttempts, priority } = asked;
  const passed = timeoutNames.flatMap((name) => {
    const path = `timeouts.${name}` as const;
    const isBeyond = (timeouts?.[name] ?? 0) > ceilings[path];
    return isBeyond ? [`${path} may be at most ${ceilings[path]} (${ceilingSettings[path].env})`] : [];
  });
  if (maxAttempts !== undefined && maxAttempts > ceilings.maxAttempts) {
    passed.push(`maxAttempts may be at most ${ceilings.maxAttempts} (${ceilingSettings.maxAttempts.env})`);
  }
  // As in nice: the lower the number, the more is asked for.
  if (priority !== undefined && priority < ceilings.priority) {
    passed.push(`priority may be no lower than ${ceilings.priority} (${ceilingSettings.priority.env})`);
  }
  // What claude-api would refuse: a job that waits in the queue for that has waited for nothing.
  passed.push(...findUngranted(asked, grants).map(([ceiling, message]) => `${message} (${ceiling})`));
  passed.push(...others);
  if (passed.length > 0) {
    throw new ProtocolError('beyond_ceiling', `Beyond what this gateway allows: ${passed.join('; ')}`);
  }
}

/** What a request comes to: where a default lies beyond its ceiling, the ceiling stands in its place. */
export function withinCeilings<B extends Bounded>(asked: B, ceilings: Ceilings): B {
  const lowered = timeoutNames
    .filter((name) => DEFAULT_TIMEOUTS[name] > ceilings[`timeouts.${name}`])
    .map((name) => [name, ceilings[`timeouts.${name}`]]);
  const lowersAttempts = asked.retry === 'always' && DEFAULT_MAX_ATTEMPTS > ceilings.maxAttempts;
  return {
    ...(lowersAttempts && { maxAttempts: ceilings.maxAttempts }),
    ...(ceilings.priority > 0 && { priority: ceilings.priority }),
    ...asked,
    ...(lowered.length > 0 && { timeouts: { ...Object.fromEntries(lowered), ...asked.timeouts } }),
  };
}
