/** The usage block in memory: the twin of the one in Redis; the suite in libs/job-log/test runs over both. */
import { ALL_MODELS, TRIAL_MS, type UsageBlock, type UsageLimit } from '@cc-executor/job-log';

type Held = { limit: UsageLimit; trial?: { jobId: string; endsAt: number } | undefined };

export function createMemoryUsageBlock({ now = Date.now }: { now?: () => number } = {}): UsageBlock {
  const held = new Map<string, Held>();

  function concerning(model: string): [name: string, held: Held][] {
    return [...held].filter(([name]) => name === ALL_MODELS || name === model);
  }

  return {
    isClear: async () => held.size === 0,
    async admit(jobId, model) {
      const found = concerning(model).map(([, each]) => each);
      const [last] = found.map(({ limit }) => limit).sort((a, b) => b.resetsAt - a.resetsAt);
      if (!last) return { code: 'open' };
      if (now() < last.resetsAt) return { code: 'blocked', ...last };
      if (found.some(({ trial }) => trial && trial.jobId !== jobId && trial.endsAt > now())) {
        return { code: 'others_trial' };
      }
      for (const each of found) each.trial = { jobId, endsAt: now() + TRIAL_MS };
      return { code: 'trial' };
    },
    async block(limit, models) {
      for (const model of models) {
        const before = held.get(model)?.limit;
        if (!before || before.resetsAt <= limit.resetsAt) held.set(model, { limit });
      }
    },
    async tried(jobId, model, hasAnswered) {
      for (const [name, each] of concerning(model)) {
        if (each.trial?.jobId !== jobId) continue;
        each.trial = undefined;
        if (hasAnswered) held.delete(name);
      }
    },
    async read() {
      const names = [...held.keys()].sort();
      return names.map((model) => ({ ...held.get(model)!.limit, ...(model !== ALL_MODELS && { model }) }));
    },
  };
}
