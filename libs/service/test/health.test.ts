import { describe, expect, test } from 'vitest';
import { type Check, createHealth } from '../src/index.ts';

const passes: Check = async () => ({ ok: true, detail: 'PONG', data: { role: 'master' } });

function create(checks: Record<string, Check>, timeoutMs = 2000) {
  return createHealth({ service: 'worker', version: '1.2.3', checks, timeoutMs });
}

describe('readiness', () => {
  test('is 200 with the results when every check passes', async () => {
    const { status, body } = await create({ redis: passes }).ready();
    expect(status).toBe(200);
    expect(body).toMatchObject({ service: 'worker', version: '1.2.3', status: 'ok' });
    expect(body.checks.redis).toMatchObject({ ok: true, detail: 'PONG', data: { role: 'master' } });
    expect(body.checks.redis?.latencyMs).toBeGreaterThanOrEqual(0);
  });

  test('is 503 when a check throws, rejects or says no, with the reason and without credentials', async () => {
    const health = create({
      passes,
      throws: () => {
        throw new Error('refused redis://u:hunter2@host');
      },
      rejects: () => Promise.reject(new Error('gone')),
      fails: async () => ({ ok: false, detail: 'READONLY' }),
    });
    const { status, body } = await health.ready();
    expect(status).toBe(503);
    expect(body.status).toBe('unavailable');
    expect(Object.entries(body.checks).map(([name, check]) => [name, check.ok, check.detail])).toEqual([
      ['passes', true, 'PONG'],
      ['throws', false, 'refused redis://***@host'],
      ['rejects', false, 'gone'],
      ['fails', false, 'READONLY'],
    ]);
  });

  test('is 503 when a check hangs, and the hanging check is not started again', async () => {
    let starts = 0;
    const answer = Promise.withResolvers<{ ok: boolean }>();
    const hangs = () => {
      starts += 1;
      return answer.promise;
    };
    const health = create({ hangs }, 20);
    for (const { status, body } of [await health.ready(), await health.ready()]) {
      expect(status).toBe(503);
      expect(body.checks.hangs).toMatchObject({ ok: false, detail: 'no answer within 20 ms' });
    }
    expect(starts).toBe(1);
    answer.resolve({ ok: true });
    await answer.promise;
    expect((await health.ready()).status).toBe(200);
    expect((await health.ready()).status).toBe(200);
    expect(starts).toBe(2);
  });

  test('is 503 while draining, whatever the checks say, and health stays 200', async () => {
    const health = create({ redis: passes });
    health.setDraining();
    expect(await health.ready()).toMatchObject({ status: 503, body: { status: 'draining' } });
    expect(health.health()).toMatchObject({ status: 200, body: { status: 'draining' } });
  });
});
