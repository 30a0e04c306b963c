/** S: jobs that all need a Claude Code of their own at once: what of it is Claude Code's, and what ours. */
import type { Bench } from '../bench.ts';
import { defineCase } from '../case.ts';
import { atLeast } from '../goals.ts';
import { type Measured, systemUs } from '../measure/measure.ts';
import { machineUs } from '../measure/proc.ts';
import { startClaudeUpstream } from '../systems/claude.ts';
import { type System, startSystem } from '../systems/system.ts';
import { figure } from '../table.ts';

type Cold = Measured<'runJobs'> & {
  /** Of everything: ours, Claude Code's, the model's and the client's. */
  machineUsEach: number;
};
type Result = { version: string; naive: Cold; product: Cold };

const SIZES = { full: { jobs: 40, warmUpJobs: 2 }, smoke: { jobs: 1, warmUpJobs: 0 } };

const PROMPT = 'Say hello. [[chunks: 5]]';

const startedPerMinute = ({ figures }: Cold) => (figures.jobs / figures.firstMaxMs) * 60_000;

async function runCold(bench: Bench, system: System, jobs: number): Promise<Cold> {
  const before = machineUs() ?? Number.NaN;
  const run = await bench.measure(system, 'runJobs', {
    connections: jobs,
    jobs,
    script: { chunks: 0, size: 0, rate: 0 },
    prompt: PROMPT,
  });
  return { ...run, machineUsEach: ((machineUs() ?? Number.NaN) - before) / jobs };
}

export const coldStart = defineCase<Result>({
  name: 'S',
  title: 'cold start: 40 jobs with the real Claude Code at once',
  goals: [
    atLeast(
      0.9,
      '× naive',
      'jobs started a minute',
      ({ product, naive }) => startedPerMinute(product) / startedPerMinute(naive),
    ),
  ],
  async measure(bench) {
    const { jobs, warmUpJobs } = bench.size(SIZES);
    const upstream = await startClaudeUpstream(jobs);
    const systems: System[] = [];
    try {
      const naive = await startSystem('naive', upstream.url);
      systems.push(naive);
      const product = await startSystem('product', upstream.url);
      systems.push(product);
      if (warmUpJobs > 0) await runCold(bench, naive, warmUpJobs);
      return {
        version: upstream.version,
        naive: await runCold(bench, naive, jobs),
        product: await runCold(bench, product, jobs),
      };
    } finally {
      for (const { close } of systems) await close();
      await upstream.close();
    }
  },
  show: ({ version, naive, product }) => [
    {
      title: `Claude Code ${version}, a stand-in for the model`,
      columns: ['started a minute', 'first chunk p50 ms', 'all ms', 'ms of CPU a job', 'of that, ours'],
      rows: Object.entries({ naive, product }).map(([name, cold]) => [
        name,
        figure(startedPerMinute(cold)),
        figure(cold.figures.firstP50Ms),
        figure(cold.figures.elapsedMs),
        figure(cold.machineUsEach / 1_000),
        figure(systemUs(cold) / cold.figures.jobs / 1_000, 1),
      ]),
    },
  ],
});
