/**
 * What a job took over all its attempts: whoever pays for it pays for those, too, whose output is void. What an attempt took
 * that was lost with its worker nobody knows; it is named all the same.
 */
import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import type { Spent } from '@cc-executor/job-log';
import type { RunSummary, TerminalBody } from '@cc-executor/protocol';

type Models = NonNullable<RunSummary['models']>;
type Usage = NonNullable<RunSummary['usage']>;
type AttemptUse = NonNullable<RunSummary['attempts']>[number];

/** In the terminal event; of more the last are named. */
const MAX_ATTEMPTS_NAMED = 10;
/** As in the summary of one run. */
const MAX_MODELS = 20;

export type Spending = {
  /** The work is begun anew: what this call took stays counted. Returns its outcome without that. */
  setAside<O extends UpstreamOutcome>(outcome: O): O;
  /** The ending with what all attempts took; `current` is that of the last call, if the work has begun in it. */
  addTo<E extends RunSummary>(ending: E, current: UpstreamOutcome | undefined): E;
};

/** @param lost how often the job was begun by others, who gave it back or were lost */
export function createSpending(lost: number): Spending {
  const uses: AttemptUse[] = Array.from({ length: Math.min(lost, MAX_ATTEMPTS_NAMED) }, () => ({
    outcome: 'unknown',
  }));
  let total: RunSummary = {};

  return {
    setAside(outcome) {
      uses.push(useOf(outcome));
      total = sumOf(total, outcome);
      const { usage: _usage, models: _models, costUsd: _costUsd, ...rest } = outcome as RunSummary;
      return rest as typeof outcome;
    },
    addTo(ending, current) {
      if (uses.length === 0) return ending;
      const attempts = [...uses, ...(current ? [useOf(current)] : [])].slice(-MAX_ATTEMPTS_NAMED);
      return { ...ending, ...sumOf(total, ending), attempts };
    },
  };
}

/** What budgets are told of a job that ends so: nothing of what nobody knows, and of what is not known in full. */
export function spentOf(event: TerminalBody): Spent {
  const { costUsd, usage, attempts = [] } = event;
  const hasNotBegun = event.type === 'failed' ? event.error.retrySafe : isUntaken(event);
  if (hasNotBegun && costUsd === undefined) return { usd: 0, tokens: 0 };
  if (attempts.some((attempt) => attempt.outcome === 'unknown')) return {};
  const counts = Object.values(usage ?? {}).filter((count) => typeof count === 'number');
  return { usd: costUsd, tokens: usage && counts.reduce((sum, count) => sum + count, 0) };
}

function isUntaken(event: TerminalBody): boolean {
  return event.type === 'timed_out' && event.limit === 'queue' && !event.partial;
}

function useOf(outcome: UpstreamOutcome): AttemptUse {
  const { usage, costUsd } = outcome as RunSummary;
  return {
    outcome: outcome.status === 'failed' ? outcome.code : outcome.status,
    ...(usage && { usage }),
    ...(costUsd !== undefined && { costUsd }),
  };
}

/** Of what both, or one of them, took. */
function sumOf(a: RunSummary, b: RunSummary): Pick<RunSummary, 'usage' | 'models' | 'costUsd'> {
  const usage = sumOfUsage(a.usage, b.usage);
  const models = sumOfModels(a.models, b.models);
  const costs = [a.costUsd, b.costUsd].filter((cost) => cost !== undefined);
  return {
    ...(usage && { usage }),
    ...(models && { models }),
    ...(costs.length > 0 && { costUsd: costs.reduce((sum, cost) => sum + cost, 0) }),
  };
}

function sumOfUsage(a: Usage | undefined, b: Usage | undefined): Usage | undefined {
  if (!a || !b) return a ?? b;
  const sum: Usage = { ...a };
  for (const [name, count] of Object.entries(b)) {
    const known = sum[name];
    sum[name] = typeof known === 'number' && typeof count === 'number' ? known + count : (known ?? count);
  }
  return sum;
}

function sumOfModels(a: Models | undefined, b: Models | undefined): Models | undefined {
  if (!a || !b) return a ?? b;
  const sum = new Map(Object.entries(a));
  for (const [name, use] of Object.entries(b)) {
    const place = sum.has(name) || sum.size < MAX_MODELS ? name : 'others';
    const known = sum.get(place);
    sum.set(place, known ? added(known, use) : use);
  }
  return Object.fromEntries(sum);
}

function added(a: Models[string], b: Models[string]): Models[string] {
  return {
    inputTokens: a.inputTokens + b.inputTokens,
    outputTokens: a.outputTokens + b.outputTokens,
    cacheReadTokens: a.cacheReadTokens + b.cacheReadTokens,
    cacheCreationTokens: a.cacheCreationTokens + b.cacheCreationTokens,
    costUsd: a.costUsd + b.costUsd,
  };
}
