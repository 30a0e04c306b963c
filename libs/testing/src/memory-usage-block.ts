/** The usage block in memory: the twin of the one in Redis; the suite in libs/job-log/test runs over both. */
import {
  ALL_MODELS,
  DEFAULT_CREDENTIAL,
  TRIAL_MS,
  type UsageBlock,
  type UsageLimit,
} from '@cc-executor/job-log';

type Held = {
  credential: string;
  model: string;
  limit: UsageLimit;
  trial?: { jobId: string; endsAt: number } | undefined;
};

export function createMemoryUsageBlock({ now = Date.now }: { now?: () => number } = {}): UsageBlock {
  const held = new Set<Held>();

  function concerning(credential: string, ...models: string[]): Held[] {
    return [...held].filter((each) => each.credential === credential && models.includes(each.model));
  }

  return {
    isClear: async () => held.size === 0,
    async admit(jobId, model, credential = DEFAULT_CREDENTIAL) {
      const found = concerning(credential, ALL_MODELS, model);
      const [last] = found.map(({ limit }) => limit).sort((a, b) => b.resetsAt - a.resetsAt);
      if (!last) return { code: 'open' };
      if (now() < last.resetsAt) return { code: 'blocked', ...last };
      if (found.some(({ trial }) => trial && trial.jobId !== jobId && trial.endsAt > now())) {
        return { code: 'others_trial' };
      }
      for (const each of found) each.trial = { jobId, endsAt: now() + TRIAL_MS };
      return { code: 'trial' };
    },
    async block(limit, models, credential = DEFAULT_CREDENTIAL) {
      for (const model of models) {
        const [before] = concerning(credential, model);
        if (before && before.limit.resetsAt > limit.resetsAt) continue;
        if (before) held.delete(before);
        held.add({ credential, model, limit });
      }
    },
    async tried(jobId, model, hasAnswered, credential = DEFAULT_CREDENTIAL) {
      for (const each of concerning(credential, ALL_MODELS, model)) {
        if (each.trial?.jobId !== jobId) continue;
        each.trial = undefined;
        if (hasAnswered) held.delete(each);
      }
    },
    async read() {
      // The default one comes first.
      const nameOf = ({ credential, model }: Held) =>
        `${credential === DEFAULT_CREDENTIAL ? '' : credential} ${model}`;
      const sorted = [...held].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
      return sorted.map(({ limit, model, credential }) => ({
        ...limit,
        ...(model !== ALL_MODELS && { model }),
        ...(credential !== DEFAULT_CREDENTIAL && { credential }),
      }));
    },
  };
}
