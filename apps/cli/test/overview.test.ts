import { describe, expect, it } from 'vitest';
import { runHere } from './cli-here.ts';
import { startGateway } from './cli-process.ts';

describe('cc-executor overview', () => {
  const latency = { jobs: 4, p50Ms: 12, p95Ms: 1_500, p99Ms: 61_000 };
  const overview = {
    ...{
      now: 0,
      stepMs: 60_000,
      steps: Array.from({ length: 60 }, (_, at) => ({ at, jobs: {}, costUsd: 0 })),
    },
    ended: [
      { status: 'completed', jobs: 20 },
      { status: 'failed', reason: 'claude_\u001b[31merror', jobs: 3 },
    ],
    latencies: { queue: latency },
    days: [{ date: '2026-11-27', jobs: 23, costUsd: 1.25, tokens: 1_234_567, models: [], tenants: [] }],
    queue: { waiting: 3, active: 2, delayed: 1, oldestWaitingMs: 123_000 },
    services: [
      {
        id: 'g',
        role: 'gateway',
        version: '0.1.0',
        host: 'a',
        at: 0,
        status: 'ok',
        troubles: [],
        connections: 12,
      },
      {
        ...{ id: 'w', role: 'worker', version: '0.1.0', host: 'b', at: 0, status: 'unavailable' },
        ...{ troubles: ['no claude-api'], load: { running: 2, waiting: 0, limit: 4 } },
      },
    ],
    redis: { latencyMs: 1, version: '7.0.15', durability: 'kept', faults: [] },
    usageLimits: [{ resetsAt: 0, model: 'opus' }],
  };

  it('says how all of it is, to be read or to be computed with', async () => {
    const gateway = await startGateway();
    for (const flags of [[], ['--json']]) {
      const run = runHere(['overview', ...flags], { url: gateway.url });
      const connection = await gateway.accept();
      const request = await connection.expect('overview');
      expect(request.params).toEqual({ minutes: 60 });
      connection.reply(request, overview);
      const { code, stdout } = await run.ended;
      expect(code).toBe(0);
      if (flags.length > 0) expect(JSON.parse(stdout)).toEqual(overview);
      else {
        for (const line of [
          '2 running, 3 waiting, the first for 2 min 3 s, 1 for later',
          'a usage limit (opus) holds until',
          'Ended in the last 1 h 0 min',
          '3 failed: claude_ [31merror',
          'in the queue         12 ms, 1.5 s, 1 min 1 s',
          '2026-11-27  $1.25  23 jobs, 1.2M tokens',
          'ok  gateway  a  0.1.0, 12 connections',
          'unavailable  worker  b  0.1.0, 2 of 4 running, no claude-api',
          '7.0.15, 1 ms  keeps what it says',
        ])
          expect(stdout).toContain(line);
      }
    }
  });
});
