/** Turns the options of `run` into the parameters of `execute`; every fault is told at once, by option. */
import { type ExecuteParams, executeParamsSchema } from '@cc-executor/protocol';
import { durationMs } from '@cc-executor/runtime';
import { UsageError } from './usage-error.ts';

export type ExecuteOptions = {
  model?: string;
  fallbackModel?: string;
  allowedTools?: string[];
  disallowedTools?: string[];
  permissionMode?: string;
  maxTurns?: string;
  maxBudgetUsd?: string;
  effort?: string;
  addDir?: string[];
  mcpConfig?: string[];
  env?: string[];
  appendSystemPrompt?: string;
  conversation?: string;
  workspace?: string;
  idempotencyKey?: string;
  timeout?: string;
  firstOutputTimeout?: string;
  idleTimeout?: string;
  queueTimeout?: string;
  pauseTimeout?: string;
  retry?: string;
  priority?: string;
  metadata?: string[];
  onDisconnect?: string;
  detach?: boolean;
};

/** Parameters whose option is not simply their name. */
const OPTION_NAMES: Record<string, string> = {
  prompt: 'the prompt',
  addDirs: '--add-dir',
  'timeouts.totalMs': '--timeout',
  'timeouts.firstOutputMs': '--first-output-timeout',
  'timeouts.idleMs': '--idle-timeout',
  'timeouts.queueMs': '--queue-timeout',
  'timeouts.pausedMs': '--pause-timeout',
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
    model: options.model,
    fallbackModel: options.fallbackModel,
    allowedTools: options.allowedTools?.flatMap(splitTools),
    disallowedTools: options.disallowedTools?.flatMap(splitTools),
    permissionMode: options.permissionMode,
    maxTurns: numberOf(options.maxTurns),
    maxBudgetUsd: numberOf(options.maxBudgetUsd),
    effort: options.effort,
    addDirs: options.addDir,
    mcpConfig: options.mcpConfig,
    env: options.env && readPairs('--env', options.env, faults),
    appendSystemPrompt: options.appendSystemPrompt,
    conversation: options.conversation,
    workspace: options.workspace,
    idempotencyKey: options.idempotencyKey,
    timeouts: dropUndefined({
      totalMs: duration('--timeout', options.timeout),
      firstOutputMs: duration('--first-output-timeout', options.firstOutputTimeout),
      idleMs: duration('--idle-timeout', options.idleTimeout),
      queueMs: duration('--queue-timeout', options.queueTimeout),
      pausedMs: duration('--pause-timeout', options.pauseTimeout),
    }),
    retry: options.retry,
    priority: numberOf(options.priority),
    metadata: options.metadata && readPairs('--metadata', options.metadata, faults),
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

/** At commas, but not at those inside parentheses: `Bash(git log:*, git diff:*),Read` are two tools. */
export function splitTools(list: string): string[] {
  return (list.match(/(?:\([^)]*\)|[^,(])+/g) ?? []).map((tool) => tool.trim()).filter((tool) => tool !== '');
}

function readPairs(option: string, pairs: string[], faults: string[]): Record<string, string> {
  const read: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals > 0) read[pair.slice(0, equals)] = pair.slice(equals + 1);
    else faults.push(`${option}: '${pair}' is not key=value`);
  }
  return read;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

function optionName(path: string[]): string {
  const known = OPTION_NAMES[path.join('.')] ?? OPTION_NAMES[path[0] ?? ''];
  return known ?? `--${(path[0] ?? '').replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function dropUndefined<T extends object>(object: T): Partial<T> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as Partial<T>;
}
