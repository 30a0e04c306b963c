/** R: what events and jobs take in Redis for as long as they are kept. */
import { defineCase } from '../case.ts';
import { atMost } from '../goals.ts';
import { usedBytes } from '../measure/redis-memory.ts';
import { figure } from '../table.ts';

type Result = { perEvent: number; perJob: number };

const SIZES = {
  full: { jobs: 20, chunks: 2_000, small: 5_000, connections: 64 },
  smoke: { jobs: 1, chunks: 20, small: 5, connections: 5 },
};

export const redisMemory = defineCase<Result>({
  name: 'R',
  title: 'memory in Redis',
  goals: [
    atMost(80, 'bytes', 'an event of 50 bytes, at full speed', ({ perEvent }) => perEvent),
    atMost(1_200, 'bytes', 'a finished job of one chunk', ({ perJob }) => perJob),
  ],
  async measure(bench) {
    const { jobs, chunks, small, connections } = bench.size(SIZES);
    const product = await bench.product();
    const run = async (count: number, script: { chunks: number }) => {
      const before = await usedBytes(product.redis);
      const plan = {
        connections: Math.min(connections, count),
        jobs: count,
        script: { ...script, size: 50, rate: 0 },
      };
      await bench.measure(product, 'runJobs', plan);
      return (await usedBytes(product.redis)) - before;
    };
    // The first jobs also bring what is there once.
    await run(connections, { chunks: 1 });
    const perEvent = (await run(jobs, { chunks })) / (jobs * chunks);
    return { perEvent, perJob: (await run(small, { chunks: 1 })) / small };
  },
  show: ({ perEvent, perJob }) => [
    {
      title: 'used_memory, more than before',
      columns: ['bytes an event', 'bytes a job of one chunk'],
      rows: [['product', figure(perEvent), figure(perJob)]],
    },
  ],
});
