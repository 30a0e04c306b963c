/**
 * What a `result` line says of the run besides how it ended. All but the object of a structured output is bounded: whatever
 * a model or a tool makes of it, it fits a terminal event. Tokens and cost are those of the whole tree, sub-agents included,
 * and of this run alone: a continued conversation's own totals count from its beginning. A run that waits for tasks in the
 * background has several results, and each speaks of its own part.
 */
import type { RunSummary } from '@cc-executor/protocol';
import { type ClaudeResult, isObject, type JsonObject, numberOf, stringOf } from './stream-line.ts';

const MAX_NAME_LENGTH = 200;
const MAX_MODELS = 20;
const MAX_DENIALS = 20;
const MAX_DENIED_INPUT_LENGTH = 1_000;

type ModelUse = NonNullable<RunSummary['models']>[string];

type Denial = NonNullable<RunSummary['permissionDenials']>[number];

/** What the results of a run say of their parts, together. Undefined is what none has said. */
type Parts = {
  models?: Record<string, ModelUse> | undefined;
  durationMs?: number | undefined;
  turns?: number | undefined;
  firstRequestMs?: number | undefined;
  /** The first of them. */
  denials: readonly Denial[];
  denialCount: number;
};

/** Adds up what several results of one run say of their own part of it. */
export type ResultSum = {
  /** The totals with this result's part. */
  add(result: ClaudeResult): Parts;
};

export function createResultSum(): ResultSum {
  let models: Record<string, ModelUse> = {};
  let sum: Parts = { denials: [], denialCount: 0 };

  function addModels({ model_usage_since_last_result: part, modelUsage }: ClaudeResult) {
    // Older versions know the totals alone.
    if (!isObject(part)) return isObject(modelUsage) ? readModels(modelUsage, {}) : undefined;
    models = readModels(part, models);
    return models;
  }

  return {
    add(result) {
      const denials = Array.isArray(result.permission_denials)
        ? result.permission_denials.filter(isObject)
        : [];
      const room = MAX_DENIALS - sum.denials.length;
      sum = {
        models: addModels(result),
        durationMs: plus(sum.durationMs, numberOf(result.duration_ms)),
        turns: plus(sum.turns, numberOf(result.num_turns)),
        firstRequestMs: sum.firstRequestMs ?? numberOf(result.time_to_request_ms),
        denials: [...sum.denials, ...denials.slice(0, room).map(readDenial)],
        denialCount: sum.denialCount + denials.length,
      };
      return sum;
    },
  };
}

function plus(known: number | undefined, part: number | undefined): number | undefined {
  return part === undefined ? known : (known ?? 0) + part;
}

/** @param parts of this result and of those of the same run before it */
export function summarize(result: ClaudeResult, parts: Parts): RunSummary {
  const { models, durationMs, turns } = parts;
  const summary: RunSummary = {
    usage: models && Object.keys(models).length > 0 ? totalOf(models) : plainUsage(result.usage),
    models: models && Object.keys(models).length > 0 ? models : undefined,
    costUsd: costOf(result, models),
    durationMs,
    turns,
    conversation: stringOf(result.session_id)?.slice(0, MAX_NAME_LENGTH),
    stopReason: stringOf(result.stop_reason)?.slice(0, MAX_NAME_LENGTH),
    structuredOutput: result.structured_output,
    ...denialsOf(parts),
    timings: timingsOf(result, parts),
  };
  return Object.fromEntries(Object.entries(summary).filter(([, value]) => value !== undefined));
}

/** The part of each model, added to what was known of it. */
function readModels(part: JsonObject, sum: Record<string, ModelUse>): Record<string, ModelUse> {
  const models = new Map(Object.entries(sum));
  for (const [key, use] of Object.entries(part)) {
    if (!isObject(use)) continue;
    const name = key.slice(0, MAX_NAME_LENGTH);
    // What is beyond the bound counts in the totals all the same.
    const place = models.has(name) || models.size < MAX_MODELS ? name : 'others';
    models.set(place, addUse(models.get(place), use));
  }
  return Object.fromEntries(models);
}

function addUse(known: ModelUse | undefined, use: JsonObject): ModelUse {
  return {
    inputTokens: (known?.inputTokens ?? 0) + (numberOf(use.inputTokens) ?? 0),
    outputTokens: (known?.outputTokens ?? 0) + (numberOf(use.outputTokens) ?? 0),
    cacheReadTokens: (known?.cacheReadTokens ?? 0) + (numberOf(use.cacheReadInputTokens) ?? 0),
    cacheCreationTokens: (known?.cacheCreationTokens ?? 0) + (numberOf(use.cacheCreationInputTokens) ?? 0),
    costUsd: (known?.costUsd ?? 0) + (numberOf(use.costUSD) ?? 0),
  };
}

function totalOf(models: Record<string, ModelUse>): JsonObject {
  const uses = Object.values(models);
  const total = (name: keyof ModelUse) => uses.reduce((sum, use) => sum + use[name], 0);
  return {
    input_tokens: total('inputTokens'),
    output_tokens: total('outputTokens'),
    cache_read_input_tokens: total('cacheReadTokens'),
    cache_creation_input_tokens: total('cacheCreationTokens'),
  };
}

/** Its numbers. */
function plainUsage(usage: unknown): JsonObject | undefined {
  if (!isObject(usage)) return undefined;
  const counts = Object.entries(usage).filter(([name, value]) => {
    return numberOf(value) !== undefined && name.length <= MAX_NAME_LENGTH;
  });
  return Object.fromEntries(counts.slice(0, MAX_MODELS));
}

function costOf(result: ClaudeResult, models: Record<string, ModelUse> | undefined): number | undefined {
  if (models === undefined || !isObject(result.model_usage_since_last_result)) {
    return numberOf(result.total_cost_usd);
  }
  return Object.values(models).reduce((sum, { costUsd }) => sum + costUsd, 0);
}

function readDenial(denial: JsonObject): Denial {
  const input = JSON.stringify(denial.tool_input) ?? '';
  return {
    tool: (stringOf(denial.tool_name) ?? '').slice(0, MAX_NAME_LENGTH),
    toolUseId: (stringOf(denial.tool_use_id) ?? '').slice(0, MAX_NAME_LENGTH),
    ...(isObject(denial.tool_input) && input.length <= MAX_DENIED_INPUT_LENGTH
      ? { input: denial.tool_input }
      : {}),
  };
}

function denialsOf({ denials, denialCount }: Parts): Pick<RunSummary, 'permissionDenials' | 'moreDenials'> {
  if (denialCount === 0) return {};
  const moreDenials = denialCount - denials.length;
  return { permissionDenials: [...denials], ...(moreDenials > 0 && { moreDenials }) };
}

/** The model's time is told of the whole run. */
function timingsOf(result: ClaudeResult, { firstRequestMs }: Parts): RunSummary['timings'] {
  const modelMs = numberOf(result.duration_api_ms);
  if (firstRequestMs === undefined && modelMs === undefined) return undefined;
  return {
    ...(firstRequestMs !== undefined && { firstRequestMs }),
    ...(modelMs !== undefined && { modelMs }),
  };
}
