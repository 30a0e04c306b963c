/** `cc-executor doctor` against real processes: every broken pair is named, with what to try. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  chooseTestRedis,
  freePort,
  needs,
  type Stack,
  type StackOptions,
  startFaultProxy,
  startStack,
  startTestRedis,
  type TestRedis,
  type TestRedisOptions,
} from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { runHere } from '../../apps/cli/test/cli-here.ts';
import { runNode } from './support/child.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const REPORTS = { SERVICE_REPORT_MS: '300' };
const PATIENCE = { timeout: 20_000, interval: 100 };

type Finding = { level: string; subject: string; message: string; latencyMs?: number; advice?: string };
type Output = { code: unknown; stdout: string; stderr: string };
type Answer = { ok: boolean; place: string; counts: Record<string, number>; findings: Finding[] };

async function doctor(args: string[], env: Record<string, string> = {}): Promise<Answer> {
  const child = runNode([main, 'doctor', '--json', ...args], { env });
  const { code } = await child.ended;
  return readAnswer({ code, stdout: child.stdout(), stderr: child.stderr() });
}

function readAnswer({ code, stdout, stderr }: Output): Answer {
  expect(code, stderr).not.toBe(2);
  const answer = JSON.parse(stdout) as Answer;
  expect(code).toBe(answer.ok ? 0 : 1);
  return answer;
}

const failed = ({ findings }: Answer) => findings.filter(({ level }) => level === 'fail');
const subjects = (findings: Finding[]) =>
  findings.map(({ subject }) => subject.replaceAll(/-\S+-(\d+)\b/g, ''));

async function start(options: StackOptions = {}): Promise<Stack> {
  const stack = await startStack({ ...options, env: { ...REPORTS, ...options.env } });
  onTestFinished(() => stack.close());
  return stack;
}

/** One stack for the tests of a suite, which leave it as those that follow want it. */
function useStack(options: StackOptions, redisOptions?: TestRedisOptions): () => Stack {
  let redis: TestRedis;
  let stack: Stack;
  beforeAll(async () => {
    redis = await startTestRedis(redisOptions);
    stack = await startStack({ ...options, redis, env: REPORTS });
  });
  afterAll(async () => {
    await stack?.close();
    await redis?.close();
  });
  return () => stack;
}

/** Looks, without a process for each look, until the doctor sees it: reports come now and then. */
async function untilDoctor(
  look: (answer: Answer) => void,
  args: string[],
  env?: Record<string, string>,
): Promise<Answer> {
  return vi.waitFor(async () => {
    const answer = readAnswer(await runHere(['doctor', '--json', ...args], { ...(env && { env }) }).ended);
    look(answer);
    return answer;
  }, PATIENCE);
}

describe('on a stack that works', () => {
  const working = useStack({ workers: 2 }, { appendonly: true });

  it('is told pair by pair, seen through the gateway alone, and proved by a job', async () => {
    const stack = working();
    const answer = await untilDoctor(
      ({ findings }) => {
        const pairs = findings.filter(({ subject }) => /^worker-.* → claude-api$/.test(subject));
        expect(pairs).toHaveLength(2);
      },
      ['--url', stack.url(), '--run'],
    );
    expect(failed(answer)).toEqual([]);
    expect(answer).toMatchObject({ ok: true, place: 'client' });
    const seen = new Set(subjects(answer.findings.filter(({ level }) => level === 'ok')));
    for (const pair of [
      'client → gateway',
      'gateway → redis',
      'worker → redis',
      'queue → worker',
      'settings',
      'versions',
      'client → … → claude-api',
    ]) {
      expect(seen).toContain(pair);
    }
    // The demo engine stands for Claude Code here, and that is said.
    expect(subjects(answer.findings.filter(({ level }) => level === 'warn'))).toContain(
      'worker → claude-api',
    );
    if (stack.redis.kind === 'redis') expect(seen).toContain('redis, durability');
    const { kind } = await chooseTestRedis();
    const which = answer.findings.find(({ subject }) => subject === 'redis, server');
    expect(which?.message).toContain(kind === 'embedded' ? 'EMBEDDED' : kind);
  });

  it('is looked at directly where a worker runs', async () => {
    const stack = working();
    const env = {
      REDIS_URL: stack.redis.url,
      CLAUDE_API_URL: `http://localhost:${stack.claudeApi?.ready.port}`,
      WORKER_HEALTH_PORT: String(stack.workers[0]?.ready.healthPort),
    };
    const answer = await untilDoctor((found) => expect(failed(found)).toEqual([]), [], env);
    expect(answer.place).toBe('worker');
    const seen = answer.findings.filter(({ level }) => level === 'ok').map(({ subject }) => subject);
    expect(seen).toEqual(
      expect.arrayContaining(['worker (here)', 'worker (here) → redis', 'worker (here) → claude-api']),
    );
  });

  it("a worker that does not know claude-api's name, beside one that does", async () => {
    const stack = working();
    const worker = await stack.startWorker({ CLAUDE_API_URL: 'http://claude-api.invalid:8000' });
    onTestFinished(async () => void (await worker.stop()));
    const answer = await untilDoctor(
      (found) => expect(subjects(failed(found))).toEqual(['worker → claude-api']),
      ['--url', stack.url()],
    );
    const [finding] = failed(answer);
    expect(finding?.subject).toContain(String(worker.pid));
    expect(finding?.message).toMatch(
      /^claude-api at http:\/\/claude-api\.invalid:8000: the name is not known/,
    );
    expect(finding?.advice).toMatch(/same network.*CLAUDE_API_URL/);
  });

  it('a worker that stands still', async () => {
    const stack = working();
    const [worker] = stack.workers;
    await untilDoctor(
      ({ findings }) =>
        expect(subjects(findings).filter((name) => name === 'worker → redis')).toHaveLength(2),
      ['--url', stack.url()],
    );
    worker?.kill('SIGSTOP');
    onTestFinished(() => worker?.kill('SIGCONT'));
    const answer = await untilDoctor(
      (found) => expect(failed(found)).toHaveLength(1),
      ['--url', stack.url()],
    );
    const [finding] = failed(answer);
    expect(finding?.subject).toMatch(new RegExp(`^worker-.*-${worker?.pid} → redis$`));
    expect(finding?.message).toMatch(/was last seen \d+ s ago/);
    worker?.kill('SIGCONT');
    await untilDoctor((found) => expect(failed(found)).toEqual([]), ['--url', stack.url()]);
  });

  // From here on it is broken, piece by piece.

  it('claude-api down', async () => {
    const stack = working();
    await stack.claudeApi?.stop();
    // A report that was being written while it stopped says so in other words, or that the worker takes jobs.
    await untilDoctor(
      (found) => {
        const failures = failed(found);
        expect(failures.find(({ subject }) => subject.endsWith('→ claude-api'))).toMatchObject({
          message: expect.stringContaining('the connection is refused (ECONNREFUSED)'),
          advice: expect.stringContaining('docker compose up -d claude-api'),
        });
        expect(failures).toContainEqual(
          expect.objectContaining({
            subject: 'queue → worker',
            message: expect.stringContaining('none of them is ready'),
          }),
        );
      },
      ['--url', stack.url()],
    );
  });

  it('Redis down', async () => {
    const stack = working();
    await stack.redis.kill();
    await untilDoctor(
      (found) =>
        expect(failed(found)).toContainEqual(
          expect.objectContaining({
            subject: expect.stringMatching(/^gateway.* → redis$/),
            message: expect.stringContaining('the connection is refused (ECONNREFUSED)'),
            advice: expect.stringContaining('docker compose up -d redis'),
          }),
        ),
      ['--url', stack.url()],
    );
  });
});

describe('the broken pair is named', () => {
  it('no gateway', async () => {
    const port = await freePort();
    const [finding] = failed(await doctor(['--url', `ws://127.0.0.1:${port}`]));
    expect(finding).toMatchObject({
      subject: 'client → gateway',
      message: `127.0.0.1 port ${port}: the connection is refused (ECONNREFUSED)`,
      advice: expect.stringContaining('docker compose up'),
    });
  });

  it('a name that is not known', async () => {
    const [finding] = failed(await doctor(['--url', 'ws://gateway.invalid:8003']));
    expect(finding).toMatchObject({
      subject: 'client → gateway',
      message: expect.stringMatching(/^gateway\.invalid: the name is not known/),
      advice: expect.stringMatching(/same network.*docker compose ps gateway.*CC_EXECUTOR_URL/),
    });
  });

  it('another program on the port', async () => {
    const server = createServer((_request, response) => void response.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const [finding] = failed(await doctor(['--url', `ws://127.0.0.1:${port}/ws`]));
    expect(finding?.message).toContain('something else answers there, no gateway (HTTP 200 to /health)');
    expect(finding?.advice).toContain('Another program has this address or port');
  });

  describe('where no worker is:', () => {
    // Nobody asks claude-api there, so there is none.
    const NOWHERE = { url: 'http://127.0.0.1:9' };
    const idle = useStack({ workers: 0, upstream: NOWHERE });

    it('a gateway that accepts and says nothing', async () => {
      const stack = idle();
      const proxy = await startFaultProxy({ target: { port: Number(stack.gateways[0]?.ready.port) } });
      onTestFinished(() => proxy.close());
      await proxy.set({ toTarget: { swallow: true } });
      const [finding] = failed(await doctor(['--url', proxy.url('ws', '/ws')]));
      expect(finding).toMatchObject({
        subject: 'client → gateway',
        message: expect.stringContaining('no answer in time (TIMEOUT)'),
      });
    });

    it('a wrong password', async (context) => {
      await needs('users')(context);
      const stack = idle();
      await stack.redis.admin.acl('SETUSER', 'app', 'on', '>right', '~*', '&*', '+@all');
      const url = `redis://app:hunter2@127.0.0.1:${stack.redis.port}`;
      const gateway = await stack.startGateway({ REDIS_URL: url });
      onTestFinished(async () => void (await gateway.stop()));
      const seen = await doctor(['--url', stack.url(1)]);
      const direct = await doctor(['--as', 'gateway', '--url', stack.url(1)], { REDIS_URL: url });
      for (const answer of [seen, direct]) {
        const pair = failed(answer).find(({ subject }) => subject.endsWith('→ redis'));
        expect(pair?.message).toContain('wrong credentials (WRONGPASS)');
        expect(pair?.advice).toContain('REDIS_URL_FILE');
        expect(JSON.stringify(answer)).not.toContain('hunter2');
      }
    });

    it('no worker at all, and jobs that wait', async () => {
      // A job that waits would be one more at a second try: not on the shared stack.
      const stack = await start({ workers: 0, upstream: NOWHERE });
      const run = runNode([main, 'run', '--detach', '--url', stack.url(), 'hello']);
      expect(await run.ended).toMatchObject({ code: 0 });
      const [finding] = failed(await doctor(['--url', stack.url()]));
      expect(finding).toMatchObject({
        subject: 'queue → worker',
        message: '1 job waits and no worker is alive',
        advice: expect.stringContaining('docker compose up -d worker'),
      });
    });
  });
});

describe('the report', () => {
  it('is a line each for people, with a summary, and without colours in a pipe', async () => {
    const child = runNode([main, 'doctor', '--url', 'ws://gateway.invalid']);
    expect(await child.ended).toEqual({ code: 1, signal: null });
    expect(child.stdout()).toMatch(/^FAIL {2}client → gateway {2,}gateway\.invalid: the name/m);
    expect(child.stdout()).toMatch(/ {6}↳ Is gateway up/);
    expect(child.stdout()).toMatch(/\n2 ok, 1 FAILED\n$/);
    expect(child.stdout()).not.toContain('\u001b');
  });

  it('names every variable that is not valid', async () => {
    const answer = await doctor([], {
      JOB_LEASE_MS: 'soon',
      REDIS_URL: 'http://secret@x',
      LOG_LEVEL: 'loud',
    });
    const faults = failed(answer).filter(({ subject }) => subject === 'configuration');
    expect(faults.map(({ message }) => message.split(' ')[0])).toEqual(
      expect.arrayContaining(['JOB_LEASE_MS', 'REDIS_URL', 'LOG_LEVEL']),
    );
    expect(JSON.stringify(answer)).not.toContain('secret@');
  });
});
