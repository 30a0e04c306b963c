/** Where the secrets of `npm start` are to be found, and where not: each is looked for in all that can be seen of the stack. */
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { chooseTestRedis } from '@cc-executor/testing';
import { expect, it, onTestFinished } from 'vitest';
import { runNode } from './support/child.ts';
import { argumentsOf, environmentOf } from './support/processes.ts';
import { main, startUp, type Up } from './support/up.ts';

const chosen = await chooseTestRedis();
const server = 'program' in chosen ? chosen.program.file : undefined;

const API_KEY = 'sk-ant-of-the-operator-4711';
const PORTS = ['GATEWAY_PORT', 'CLAUDE_API_PORT', 'DASHBOARD_PORT', 'WORKER_HEALTH_PORT'];
const PATHS = ['/', '/health', '/ready', '/metrics', '/services', '/queues', '/nothing'];

/** As its processes were told them, which this user may look up. */
function secretsOf({ pids }: Up): Record<string, string> {
  const environments = pids.map(environmentOf);
  const url = environments.find(({ REDIS_URL }) => REDIS_URL)?.REDIS_URL ?? '';
  const token = environments.find(({ CLAUDE_API_TOKEN }) => CLAUDE_API_TOKEN)?.CLAUDE_API_TOKEN ?? '';
  const key = environments.find(({ SECRETS_KEY }) => SECRETS_KEY)?.SECRETS_KEY ?? '';
  return { apiKey: API_KEY, redisPassword: new URL(url).password, token, key };
}

/** What each listener says to somebody without a token, and to one with a wrong token. */
async function answersOf({ pids }: Up): Promise<string[]> {
  const environments = pids.map(environmentOf);
  // All but its own service are told the 0 that this test asks for.
  const ports = PORTS.map((name) => environments.find((env) => Number(env[name]) > 0)?.[name]);
  const asked = ports.flatMap((port) => PATHS.map((path) => `http://127.0.0.1:${port}${path}`));
  return Promise.all(
    asked.map(async (url) => {
      const response = await fetch(url, { headers: { authorization: 'Bearer another-token-4711' } });
      return `${url} ${JSON.stringify([...response.headers])} ${await response.text()}`;
    }),
  );
}

async function outputOf(args: readonly string[]): Promise<string> {
  const child = runNode([main, ...args]);
  await child.ended;
  return child.stdout() + child.stderr();
}

async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  return names.map((entry) => join(entry.parentPath, entry.name));
}

async function holding(files: readonly string[], values: readonly string[]): Promise<string[]> {
  const texts = await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')));
  return files.filter((_, index) => values.some((value) => texts[index]?.includes(value)));
}

it.for([
  ['a Redis server', true],
  ['the embedded Redis', false],
] as const)(
  'no log, answer, argument or file of another user shows a secret: %s',
  async ([, isServer], { skip }) => {
    skip(isServer && server === undefined, `no real Redis can be had: ${chosen.passedOver.join('; ')}`);
    const folder = await mkdtemp(join(tmpdir(), 'cc-executor-secrets-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
    const up = await startUp(folder, {
      PATH: isServer ? join(server!, '..') : '/nowhere',
      FETCH_REDIS: 'off',
      ANTHROPIC_API_KEY: API_KEY,
      LOG_LEVEL: 'trace',
      SERVICE_REPORT_MS: '100',
    });
    const secrets = secretsOf(up);
    expect(Object.values(secrets).filter((secret) => secret.length < 16)).toEqual([]);

    const shown = {
      arguments: up.pids.map((pid) => argumentsOf(pid).join(' ')),
      answers: await answersOf(up),
      commands: [
        await outputOf(['run', '--url', up.url, 'demo:{"text":"hello","fail":"no"}']),
        await outputOf(['doctor', '--json', '--url', up.url]),
      ],
      logs: [] as string[],
    };
    // Its users say why they have lost it.
    const redis = up.pids.find((pid) =>
      /^\S*redis-server |embedded-redis\.ts/.test(argumentsOf(pid).join(' ')),
    );
    process.kill(redis!, 'SIGKILL');
    await up.child.untilOutput(/redis died/);
    const files = await filesBelow(folder);
    const open = [];
    for (const file of files) if ((await stat(file)).mode & 0o077) open.push(relative(folder, file));
    const inFiles = await holding(files, Object.values(secrets));
    up.child.process.kill('SIGTERM');
    await up.child.ended;
    shown.logs = [up.child.stdout(), up.child.stderr()];

    for (const [where, texts] of Object.entries(shown)) {
      for (const [name, secret] of Object.entries(secrets)) {
        expect(
          texts.filter((text) => text.includes(secret)),
          `${name} in ${where}`,
        ).toEqual([]);
      }
    }
    expect(open).toEqual([]);
    expect(inFiles.map((file) => relative(folder, file)).sort()).toEqual([
      ...(isServer ? ['redis/password.conf'] : []),
      'redis/secrets.key',
    ]);
  },
);
