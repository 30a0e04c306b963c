import { describe, expect, it } from 'vitest';
import { judgeReport, judgeUpstream } from '../../src/doctor/fleet-checks.ts';
import { gatewayReport, NOW, system, workerReport } from './reports.ts';

const troubles = (report = workerReport()) => judgeReport(report, NOW).filter(({ level }) => level !== 'ok');

describe('a report', () => {
  it('of a worker that sees everything is a line for each of its pairs', () => {
    expect(judgeReport(workerReport(), NOW)).toEqual([
      {
        level: 'ok',
        subject: 'worker-h1-7 → redis',
        message: 'redis://redis:6379: answers',
        latencyMs: 0.4,
      },
      {
        level: 'ok',
        subject: 'worker-h1-7 → claude-api',
        message: 'http://claude-api:8000 (10.0.0.4): claude-api 1.2.3, Claude Code 2.1',
        latencyMs: 2,
      },
    ]);
  });

  it('that is too old tells only when its writer was last seen', () => {
    const findings = judgeReport(workerReport({ at: NOW - 40_000 }), NOW);
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({ level: 'fail', subject: 'worker-h1-7 → redis' });
    expect(findings[0]?.message).toContain('was last seen 40 s ago');
  });

  it('that is late by less than two turns is believed', () => {
    expect(troubles(workerReport({ at: NOW - 26_000 }))).toEqual([]);
  });

  it.each([
    [1_000, []],
    [1_500, ['the clock of Redis is 1.5 s ahead']],
    [-90_000, ['the clock of Redis is 90.0 s behind']],
  ])('with a clock offset of %i ms', (clockOffsetMs, messages) => {
    const redis = { ...workerReport().redis, clockOffsetMs };
    expect(troubles(workerReport({ redis })).map(({ message }) => message)).toEqual(messages);
  });

  it('of a full disk and short memory warns of both', () => {
    const short = {
      ...system,
      memory: { freeBytes: 2 ** 20, totalBytes: 2 ** 30 },
      disk: { path: '/tmp', freeBytes: 2 ** 20, totalBytes: 2 ** 40 },
    };
    expect(troubles(workerReport({ system: short })).map(({ level, message }) => [level, message])).toEqual([
      ['warn', 'memory 1 MiB of 1.0 GiB free'],
      ['warn', 'disk (/tmp) 1 MiB of 1024.0 GiB free'],
    ]);
  });

  it('of a take-loop that stands still names the check, unless Redis is what is missing', () => {
    const checks = { queue: { ok: false, detail: 'wedged', latencyMs: 0 } };
    expect(troubles(workerReport({ checks }))).toEqual([
      expect.objectContaining({ level: 'fail', message: 'its check "queue" fails: wedged' }),
    ]);
    const redis = { address: 'redis://redis:6379', ok: false, code: 'NOAUTH' };
    const found = judgeReport(gatewayReport({ checks, redis }), NOW);
    expect(found).toEqual([
      expect.objectContaining({
        level: 'fail',
        subject: 'gateway-h2-7 → redis',
        message: 'redis://redis:6379: wrong credentials (NOAUTH)',
      }),
    ]);
  });

  it('of a service that drains says so', () => {
    expect(troubles(workerReport({ status: 'draining' }))).toEqual([
      expect.objectContaining({ level: 'warn', message: 'worker is draining' }),
    ]);
  });
});

describe('claude-api as a worker sees it', () => {
  const address = { address: '10.0.0.4', latencyMs: 1 };
  const judge = (...addresses: object[]) =>
    judgeUpstream('w → claude-api', {
      url: 'http://claude-api:8000',
      addresses: addresses.map((one) => ({ ...address, ...one })),
    });
  const good = { address: '10.0.0.5', statusCode: 200, service: 'claude-api', engine: 'claude' };

  it.each([
    [{ code: 'ECONNREFUSED' }, 'the connection is refused', 'nothing listens on this port'],
    [{ code: 'CONNECT_TIMEOUT' }, 'no answer in time', 'firewall'],
    [{ code: 'EHOSTUNREACH' }, 'there is no route to it', 'same network'],
    [{ code: 'NOT_HTTP' }, 'something else answers there', 'CLAUDE_API_URL'],
    [{ statusCode: 404 }, 'something else answers there, no claude-api (HTTP 404)', 'CLAUDE_API_URL'],
    [{ statusCode: 200, service: 'gateway' }, 'no claude-api (it is gateway)', 'CLAUDE_API_URL'],
    [{ statusCode: 401, service: 'claude-api' }, 'another token', 'CLAUDE_API_TOKEN'],
    [
      { statusCode: 503, service: 'claude-api', detail: 'no login' },
      'not ready: no login',
      'Do what it says',
    ],
  ])('fails, with what to try: %j', (one, message, advice) => {
    expect(judge(one)).toEqual([
      {
        level: 'fail',
        subject: 'w → claude-api',
        message: expect.stringContaining(message),
        advice: expect.stringContaining(advice),
      },
    ]);
  });

  it('is only warned of where another address works', () => {
    expect(judge({ code: 'ECONNREFUSED' }, good).map(({ level }) => level)).toEqual(['warn', 'ok']);
    expect(judge({ code: 'ECONNREFUSED' }, { code: 'TIMEOUT' }).map(({ level }) => level)).toEqual([
      'fail',
      'fail',
    ]);
  });

  it('may drain, be a demo, or an older service that does not say what it is', () => {
    const draining = { statusCode: 503, service: 'claude-api', status: 'draining' };
    expect(judge(draining)[0]).toMatchObject({ level: 'warn', message: expect.stringContaining('draining') });
    expect(judge({ ...good, engine: 'demo' })[0]).toMatchObject({
      level: 'warn',
      message: expect.stringContaining('DEMO'),
    });
    expect(judge({ statusCode: 200 })[0]).toMatchObject({ level: 'ok' });
  });
});
