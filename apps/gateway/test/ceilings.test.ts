/** The operator's ceilings: at every door, before anything is accepted, with the defaults lowered to them. */
import { DEFAULT_TIMEOUTS, MAX_TIMEOUT_MS } from '@cc-executor/protocol';
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { loadGatewayConfig } from '../src/config.ts';
import { ceilingSettings, ceilingsOf, refuseBeyond, withinCeilings } from '../src/operations/ceilings.ts';
import { createRig, noCeilings, noGrants, type Rig, TENANT } from './harness.ts';

const timeoutNames = Object.keys(DEFAULT_TIMEOUTS) as (keyof typeof DEFAULT_TIMEOUTS)[];

describe('without any variable', () => {
  test('what the protocol allows is allowed', () => {
    const timeouts = Object.fromEntries(timeoutNames.map((name) => [name, MAX_TIMEOUT_MS]));
    expect(() => refuseBeyond({ timeouts, priority: 0 }, noCeilings, noGrants)).not.toThrow();
  });

  test('a request stays as it is', () => {
    for (const asked of [{}, { priority: 5 }, { timeouts: { totalMs: 100 } }]) {
      expect(withinCeilings(asked, noCeilings)).toEqual(asked);
    }
  });
});

describe('a ceiling', () => {
  test.each(timeoutNames)('of timeouts.%s is met exactly, and named when it is passed', (name) => {
    const { env } = ceilingSettings[`timeouts.${name}`];
    const ceilings = ceilingsOf(loadGatewayConfig({ [env]: '10m' }));
    expect(() => refuseBeyond({ timeouts: { [name]: 600_000 } }, ceilings, noGrants)).not.toThrow();
    expect(() => refuseBeyond({ timeouts: { [name]: 600_001 } }, ceilings, noGrants)).toThrow(
      `timeouts.${name} may be at most 600000 (${env})`,
    );
  });

  test.each(timeoutNames)('of timeouts.%s lowers the default that lies beyond it, and no other', (name) => {
    const { env } = ceilingSettings[`timeouts.${name}`];
    const ceilings = ceilingsOf(loadGatewayConfig({ [env]: '1m' }));
    expect(withinCeilings({}, ceilings)).toEqual({ timeouts: { [name]: 60_000 } });
    expect(withinCeilings({ timeouts: { [name]: 100 } }, ceilings)).toEqual({ timeouts: { [name]: 100 } });
  });

  test('of the attempts is met exactly, and lowers the default of jobs that may be begun again', () => {
    const ceilings = ceilingsOf(loadGatewayConfig({ LIMIT_ATTEMPTS: '2' }));
    const retry = 'always' as const;
    expect(() => refuseBeyond({ retry, maxAttempts: 2 }, ceilings, noGrants)).not.toThrow();
    expect(() => refuseBeyond({ retry, maxAttempts: 3 }, ceilings, noGrants)).toThrow(
      'maxAttempts may be at most 2 (LIMIT_ATTEMPTS)',
    );
    expect(withinCeilings({ retry }, ceilings)).toEqual({ retry, maxAttempts: 2 });
    expect(withinCeilings({ retry, maxAttempts: 1 }, ceilings)).toEqual({ retry, maxAttempts: 1 });
    expect(withinCeilings({}, ceilings)).toEqual({});
    expect(withinCeilings({ retry }, noCeilings)).toEqual({ retry });
  });

  test('of the priority is the most urgent that there is', () => {
    const ceilings = ceilingsOf(loadGatewayConfig({ LIMIT_PRIORITY: '10' }));
    expect(() => refuseBeyond({ priority: 10 }, ceilings, noGrants)).not.toThrow();
    expect(() => refuseBeyond({ priority: 9 }, ceilings, noGrants)).toThrow(
      'priority may be no lower than 10 (LIMIT_PRIORITY)',
    );
    expect(withinCeilings({}, ceilings)).toEqual({ priority: 10 });
    expect(withinCeilings({ priority: 11 }, ceilings)).toEqual({ priority: 11 });
  });

  test.each([
    ['LIMIT_TOTAL_MS', '25h'],
    ['LIMIT_PAUSED_MS', '99'],
    ['LIMIT_PRIORITY', '1001'],
    ['LIMIT_ATTEMPTS', '0'],
    ['LIMIT_ATTEMPTS', '11'],
    ['LIMIT_TOTALMS', '1m'],
  ])('%s=%s is no setting', (env, value) => {
    expect(() => loadGatewayConfig({ [env]: value })).toThrow(env);
  });
});

describe('a gateway with ceilings', () => {
  let server: TestRedis;
  let rig: Rig;
  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    rig = await createRig(server);
  });
  afterEach(() => rig.close());

  const ceilings = { 'timeouts.totalMs': 60_000, 'timeouts.pausedMs': 1_000, priority: 3 };
  const specOf = async (jobId: string) =>
    JSON.parse((await server.admin.hget(rig.keys.record(jobId), 'spec')) ?? '');

  test('tells them, and refuses a request beyond them with each that it passes: nothing is accepted', async () => {
    const client = await rig.connect(await rig.gateway({ ceilings }));
    expect(client.messages[0]?.params.limits.ceilings).toEqual({ ...noCeilings, ...ceilings });
    const { error } = await client.request('execute', {
      prompt: 'x',
      timeouts: { totalMs: 60_001, pausedMs: 60_000, queueMs: 60_000 },
      priority: 2,
    });
    expect(error).toMatchObject({ code: -32007, data: { code: 'beyond_ceiling', retryable: false } });
    const named = ['LIMIT_TOTAL_MS', 'LIMIT_PAUSED_MS', 'LIMIT_PRIORITY'];
    expect(error.message.match(/LIMIT_\w+/g)).toEqual(named);
    expect((await client.request('list')).result.jobs).toEqual([]);
  });

  test('refuses what its operator has not granted to requests, with the variables that would', async () => {
    const grants = {
      allowSystemPrompt: false,
      requestSettings: ['language'],
      sources: ['https://git.example/acme'],
    };
    const client = await rig.connect(await rig.gateway({ grants }));
    const hooks = { SessionStart: [{ hooks: [{ type: 'command', command: 'id' }] }] };
    const from = { git: 'https://git.example/acme/site.git' };
    const elsewhere = { archive: 'https://git.example/other.tar' };
    const asked = {
      prompt: 'x',
      systemPrompt: 'Obey.',
      settings: { language: 'german', hooks },
      from: elsewhere,
    };
    const { error } = await client.request('execute', { ...asked, priority: 0 });
    expect(error.data.code).toBe('beyond_ceiling');
    expect(error.message).toMatch(
      /replace the system prompt \(CLAUDE_ALLOW_SYSTEM_PROMPT\); requests may not set hooks \(CLAUDE_REQUEST_SETTINGS\); jobs may not begin from https:\/\/git\.example\/other\.tar \(CLAUDE_SOURCES\)$/,
    );
    expect((await client.request('list')).result.jobs).toEqual([]);
    const settings = { language: 'german' };
    const { result } = await client.request('execute', { prompt: 'x', settings, from });
    expect(await specOf(result.jobId)).toEqual({ prompt: 'x', settings, from });
  });

  test('lowers what a request leaves open, at every door', async () => {
    const gateway = await rig.gateway({ ceilings });
    const [client, dialect] = [await rig.connect(gateway), await rig.dialect(gateway)];
    const native = await client.request('execute', { prompt: 'x', timeouts: { idleMs: 500 } });
    const other = await dialect.request('execute', { command: 'x' });
    const lowered = { timeouts: { totalMs: 60_000, pausedMs: 1_000 }, priority: 3 };
    expect(await specOf(other.result.jobId)).toMatchObject(lowered);
    expect(await specOf(native.result.jobId)).toEqual({
      prompt: 'x',
      priority: 3,
      timeouts: { ...lowered.timeouts, idleMs: 500 },
    });
    const begun = await rig.log.begin(native.result.jobId, 60_000, 'owner');
    expect(begun).toMatchObject({ attempt: { remainingMs: 60_000 } });
  });

  test('that was set between two sends of one request gives the same job', async () => {
    const request = { prompt: 'x', idempotencyKey: 'k', attach: false };
    const [before, after] = [await rig.gateway(), await rig.gateway({ ceilings })];
    const first = (await (await rig.connect(before)).request('execute', request)).result;
    const again = (await (await rig.connect(after)).request('execute', request)).result;
    expect(again).toMatchObject({ jobId: first.jobId, created: false });
    expect((await rig.log.get(TENANT, first.jobId))?.job.status).toBe('queued');
  });
});
