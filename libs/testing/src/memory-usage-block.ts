/** The usage block in memory: the twin of the one in Redis; the suite in libs/job-log/test runs over both. */
import { TRIAL_MS, type UsageBlock, type UsageLimit } from '@cc-executor/job-log';

export function createMemoryUsageBlock({ now = Date.now }: { now?: () => number } = {}): UsageBlock {
  let held: UsageLimit | undefined;
  let trial: { jobId: string; endsAt: number } | undefined;
  return {
    async admit(jobId) {
      if (!held) return { code: 'open' };
      if (now() < held.resetsAt) return { code: 'blocked', ...held };
      if (trial && trial.jobId !== jobId && trial.endsAt > now()) return { code: 'others_trial' };
      trial = { jobId, endsAt: now() + TRIAL_MS };
      return { code: 'trial' };
    },
    async block(limit) {
      if (held && held.resetsAt > limit.resetsAt) return;
      held = limit;
      trial = undefined;
    },
    async tried(jobId, hasAnswered) {
      if (trial?.jobId !== jobId) return;
      if (hasAnswered) held = undefined;
      trial = undefined;
    },
    read: async () => held,
  };
}
