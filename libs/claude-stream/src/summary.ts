/**
 * What a `result` line says of the run besides how it ended. All but the object of a structured output is bounded: whatever
 * a model or a tool makes of it, it fits a terminal event. Tokens and cost are those of the whole tree, sub-agents included, and of this run alone: a continued
 * conversation's own totals count from its beginning.
 */
import type { RunSummary } from '@cc-executor/protocol';
import { type ClaudeResult, isObject, type JsonObject, numberOf, stringOf } from './stream-line.ts';

const MAX_NAME_LENGTH = 200;
const MAX_MODELS = 20;
const MAX_DENIALS = 20;
const MAX_DENIED_INPUT_LENGTH = 1_000;

type ModelUse = NonNullable<RunSummary['models']>[string];

/** Adds up what several results of one run say of their own part of it. */
export type UsageSum = {
  /** The totals with this result's part; undefined where it says nothing of it. */
  add(result: ClaudeResult): Record<string, ModelUse> | undefined;
};

export function createUsageSum(): UsageSum {
  let sum: Record<string, ModelUse> = {};
  return {
    add({ model_usage_since_last_result: part, modelUsage }) {
      // Older versions know the totals alone.
      if (!isObject(part)) return isObject(modelUsage) ? readModels(modelUsage, {}) : undefined;
      sum = readModels(part, sum);
      return sum;
    },
  };
}

/** @param models by `UsageSum` */
export function summarize(result: ClaudeResult, models: Record<string, ModelUse> | undefined): RunSummary {
  const summary: RunSummary = {
    usage: models && Object.keys(models).length > 0 ? totalOf(models) : plainUsage(result.usage),
    models: models && Object.keys(models).length > 0 ? models : undefined,
    costUsd: costOf(result, models),
    durationMs: numberOf(result.duration_ms),
    turns: numberOf(result.num_turns),
    conversation: stringOf(result.session_id)?.slice(0, MAX_NAME_LENGTH),
    stopReason: stringOf(result.stop_reason)?.slice(0, MAX_NAME_LENGTH),
    structuredOutput: result.structured_output,
    ...readDenials(result.permission_denials),
    timings: readTimings(result),
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

function readDenials(list: unknown): Pick<RunSummary, 'permissionDenials' | 'moreDenials'> {
  const denials = Array.isArray(list) ? list.filter(isObject) : [];
  if (denials.length === 0) return {};
  const permissionDenials = denials.slice(0, MAX_DENIALS).map((denial) => {
    const input = JSON.stringify(denial.tool_input) ?? '';
    return {
      tool: (stringOf(denial.tool_name) ?? '').slice(0, MAX_NAME_LENGTH),
      toolUseId: (stringOf(denial.tool_use_id) ?? '').slice(0, MAX_NAME_LENGTH),
      ...(isObject(denial.tool_input) && input.length <= MAX_DENIED_INPUT_LENGTH
        ? { input: denial.tool_input }
        : {}),
    };
  });
  const moreDenials = denials.length - permissionDenials.length;
  return { permissionDenials, ...(moreDenials > 0 && { moreDenials }) };
}

function readTimings(result: ClaudeResult): RunSummary['timings'] {
  const firstRequestMs = numberOf(result.time_to_request_ms);
  const modelMs = numberOf(result.duration_api_ms);
  if (firstRequestMs === undefined && modelMs === undefined) return undefined;
  return {
    ...(firstRequestMs !== undefined && { firstRequestMs }),
    ...(modelMs !== undefined && { modelMs }),
  };
}
