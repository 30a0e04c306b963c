/** How many jobs ended in each step of time: a bar each, its parts how they ended. The table beneath says it in words. */
import type { OverviewResult } from '@cc-executor/protocol/plain';

const STATUSES = ['completed', 'cancelled', 'timed_out', 'failed'] as const;

export function Throughput({ overview, minutes }: { overview: OverviewResult; minutes: number }) {
  const { steps, stepMs, now } = overview;
  const count = Math.ceil((minutes * 60_000) / stepMs);
  const last = now - (now % stepMs);
  const byTime = new Map(steps.map((step) => [step.at, step.jobs]));
  const bars = Array.from({ length: count }, (_, i) => {
    const at = last - (count - 1 - i) * stepMs;
    return { at, jobs: byTime.get(at) ?? {} };
  });
  const sums = bars.map(({ jobs }) => Object.values(jobs).reduce((sum, each) => sum + each, 0));
  const most = Math.max(1, ...sums);
  const words = `Jobs that ended in each ${stepMs / 60_000 === 1 ? 'minute' : `${stepMs / 60_000} minutes`}, ${most} at most`;
  return (
    <section>
      <h2>
        Throughput <small>{words}</small>
      </h2>
      <div class="bars" role="img" aria-label={words}>
        {bars.map(({ at, jobs }) => (
          <span key={at} title={titleOf(at, jobs)}>
            {STATUSES.map((status) => (
              <i key={status} class={status} style={{ height: `${(100 * (jobs[status] ?? 0)) / most}%` }} />
            ))}
          </span>
        ))}
      </div>
    </section>
  );
}

function titleOf(at: number, jobs: Record<string, number>): string {
  const parts = Object.entries(jobs).map(([status, count]) => `${count} ${status.replace('_', ' ')}`);
  const time = new Date(at).toLocaleTimeString(undefined, { timeStyle: 'short' });
  return `${time}: ${parts.join(', ') || 'none'}`;
}
