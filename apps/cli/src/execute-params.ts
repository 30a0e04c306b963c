/** Turns the options of `run` into the parameters of `execute`; every fault is told at once, by option. */
import { type ExecuteParams, executeParamsSchema } from '@cc-executor/protocol';
import { durationMs } from '@cc-executor/runtime/settings';
import { claudeFlag, type GivenFlags, readClaudeFlags, readPairs } from './claude-flags.ts';
import { inheritedTraceparent } from './traceparent.ts';
import { UsageError } from './usage-error.ts';

export type ExecuteOptions = GivenFlags & {
  idempotencyKey?: string;
  timeout?: string;
  firstOutputTimeout?: string;
  idleTimeout?: string;
  queueTimeout?: string;
  pauseTimeout?: string;
  retry?: string;
  maxAttempts?: string;
  priority?: string;
  metadata?: string[];
  webhook?: string;
  traceparent?: string;
  onDenial?: string;
  onRefusal?: string;
  onMcpFailure?: string;
  onDisconnect?: string;
  detach?: boolean;
};

/** Parameters besides Claude Code's options whose flag is not simply their name. */
const OPTION_NAMES: Record<string, string> = {
  prompt: 'the prompt',
  'timeouts.totalMs': '--timeout',
  'timeouts.firstOutputMs': '--first-output-timeout',
  'timeouts.idleMs': '--idle-timeout',
  'timeouts.queueMs': '--queue-timeout',
  'timeouts.pausedMs': '--pause-timeout',
  'webhook.url': '--webhook',
};

/** Errors: `UsageError`, which names every fault. */
export function buildExecuteParams(prompt: string, options: ExecuteOptions): ExecuteParams {
  const faults: string[] = [];

  function duration(option: string, text: string | undefined): number | undefined {
    if (text === undefined) return undefined;
    const parsed = durationMs().safeParse(text);
    if (!parsed.success) faults.push(`${option}: '${text}' is not a duration such as 90s, 30m or 2h`);
    return parsed.data;
  }

  const params = dropUndefined({
    prompt,
    ...readClaudeFlags(options, faults),
    idempotencyKey: options.idempotencyKey,
    timeouts: dropUndefined({
      totalMs: duration('--timeout', options.timeout),
      firstOutputMs: duration('--first-output-timeout', options.firstOutputTimeout),
      idleMs: duration('--idle-timeout', options.idleTimeout),
      queueMs: duration('--queue-timeout', options.queueTimeout),
      pausedMs: duration('--pause-timeout', options.pauseTimeout),
    }),
    retry: options.retry,
    maxAttempts: numberOf(options.maxAttempts),
    priority: numberOf(options.priority),
    metadata: options.metadata && readPairs('--metadata', options.metadata, faults),
    webhook: options.webhook === undefined ? undefined : { url: options.webhook },
    traceparent: options.traceparent ?? inheritedTraceparent(),
    onDenial: options.onDenial,
    onRefusal: options.onRefusal,
    onMcpFailure: options.onMcpFailure,
    onDisconnect: options.onDisconnect,
    attach: options.detach ? false : undefined,
  });
  const parsed = executeParamsSchema.safeParse(params);
  for (const { path, message } of parsed.error?.issues ?? []) {
    faults.push(`${optionName(path.map(String))}: ${message}`);
  }
  if (faults.length > 0 || !parsed.success) throw new UsageError(faults.join('\n  '));
  return parsed.data;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function optionName(path: string[]): string {
  const [name = ''] = path;
  const known = OPTION_NAMES[path.join('.')] ?? claudeFlag(name);
  return known ?? `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function dropUndefined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}
