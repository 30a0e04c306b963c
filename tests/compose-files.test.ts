/** What docker-compose.yml and the Dockerfiles must keep to, read from the files: no engine is needed. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVICE_FLAGS } from '@cc-executor/runtime';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { settings as claudeApi } from '../apps/claude-api/src/config.ts';
import { settings as dashboard } from '../apps/dashboard/src/config.ts';
import { settings as gateway } from '../apps/gateway/src/config.ts';
import { settings as worker } from '../apps/worker/src/config.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string) => readFileSync(`${root}${path}`, 'utf8');

type Health = { test?: unknown; interval: string; start_period?: string };
type Service = {
  image?: string;
  build?: { dockerfile: string };
  container_name?: string;
  restart?: string;
  init?: boolean;
  read_only?: boolean;
  tmpfs?: string[];
  volumes?: string[];
  cap_drop?: string[];
  security_opt?: string[];
  privileged?: boolean;
  mem_limit?: string;
  pids_limit?: unknown;
  stop_grace_period?: string;
  healthcheck?: Health;
  ports?: string[];
  networks?: string[];
  network_mode?: string;
  depends_on?: Record<string, { condition: string }>;
  environment?: Record<string, string>;
};

const text = read('docker-compose.yml');
const compose = parse(text, { merge: true }) as {
  name?: string;
  services: Record<string, Service>;
  networks: Record<string, { internal?: boolean } | null>;
  configs: Record<string, { file: string }>;
};
const services = Object.entries(compose.services);
const lasting = services.filter(([name]) => name !== 'redis-users');

const DOCKERFILES = {
  gateway: 'Dockerfile.gateway',
  worker: 'Dockerfile.worker',
  'claude-api': 'apps/claude-api/Dockerfile',
  dashboard: 'apps/dashboard/Dockerfile',
};

const apps = { gateway, worker, 'claude-api': claudeApi, dashboard };

/** What operators of compose do not set in .env, with its app, by why not. */
const NOT_GIVEN: Record<string, RegExp> = {
  'containers have their own': / (\w+_PORT|REDIS_KEY_PREFIX|CLAUDE_API_PATH|CLAUDE_BIN|METRICS)$/,
  'nobody outside reaches it by a name': /^(worker|claude-api) ALLOWED_HOSTS$/,
  'it has the digest': /^claude-api CLAUDE_API_TOKEN$/,
  'traces need a collector, and so an override file': / OTEL_/,
  'it needs a volume, a network, a program or a secret besides, and so an override file':
    / (CLAUDE_(ADD_DIR_ROOTS|MCP_FOLDER|HIDDEN_PATHS|PASS_ENV|CREDENTIALS_MAX_AGE_MS|CODE_OAUTH_TOKEN)|ANTHROPIC_AUTH_TOKEN|DURABILITY)$/,
  'it opens what compose keeps closed': / CLAUDE_(RESTRICTED|SLASH_COMMANDS)$/,
  'it bounds, times or chooses what an override file may':
    / (CLAUDE_(\w+_MAX|\w+_MAX_BYTES|\w+_TIMEOUT_MS|(PING|STOP_GRACE|EXIT_GRACE|VERIFIABLE)_MS|KEEP_TRANSCRIPTS|PERMISSION_MODE|FALLBACK_MODEL|EFFORT)|GATEWAY_(MEMORY_BUDGET|ABANDON_GRACE_MS|SWEEP_MS)|WEBHOOK_(TIMEOUT|RETRY)_MS|WORKER_CONNECT_TIMEOUT_MS|REDIS_FULL_PERCENT)$/,
};

/** A variable's default, or the value itself. */
const plain = (value: unknown) => String(value).replace(/\$\{\w+:?-([^}]*)\}/g, '$1');
const seconds = (duration: unknown) => Number(/^(\d+)s$/.exec(plain(duration))?.[1]);

describe('docker-compose.yml', () => {
  test('has the services of the stack, each made by its Dockerfile', () => {
    expect(services.map(([name]) => name).sort()).toEqual([
      ...['balancer', 'claude-api', 'dashboard', 'egress', 'files', 'gateway'],
      ...['redis', 'redis-users', 'worker'],
    ]);
    const built = services
      .filter(([, { build }]) => build)
      .map(([name, { build }]) => [name, build?.dockerfile]);
    expect(Object.fromEntries(built)).toEqual(DOCKERFILES);
  });

  test.each(services)('%s is held in bounds', (_, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'] });
    expect(service.security_opt).toContain('no-new-privileges:true');
    expect(service.tmpfs?.some((mount) => mount.startsWith('/tmp'))).toBe(true);
    expect(plain(service.mem_limit)).toMatch(/^\d+[mg]$/);
    expect(Number(plain(service.pids_limit))).toBeGreaterThan(0);
    expect(service.privileged).toBeUndefined();
    expect(service.container_name).toBeUndefined();
  });

  test.each(lasting)(
    '%s restarts, has time to leave, and waits for the health of what it needs',
    (_, service) => {
      expect(service.restart).toBe('unless-stopped');
      expect(seconds(service.stop_grace_period)).toBeGreaterThan(0);
      for (const [name, { condition }] of Object.entries(service.depends_on ?? {})) {
        expect(condition).toBe(name === 'redis-users' ? 'service_completed_successfully' : 'service_healthy');
      }
    },
  );

  test.each(lasting)(
    '%s is asked whether it is well, with patience at its start',
    (name, { healthcheck, build }) => {
      const own = build && read(DOCKERFILES[name as keyof typeof DOCKERFILES]);
      expect(own ?? JSON.stringify(healthcheck?.test)).toMatch(/redis-cli|\/ready/);
      expect(own ?? `--start-period=${healthcheck?.start_period}`).toMatch(/--start-period=\d+s/);
      expect(own ?? JSON.stringify(healthcheck)).not.toMatch(/\b(curl|wget)\b/);
    },
  );

  test('only the balancer and the dashboard are published, on loopback unless told otherwise', () => {
    const published = services.filter(([, { ports }]) => ports).map(([name, { ports }]) => [name, ports]);
    expect(published.map(([name]) => name).sort()).toEqual(['balancer', 'dashboard']);
    for (const [, ports] of published) expect(plain(ports)).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  test('what executions keep is mounted where nothing else is made, so that it can be closed to others', () => {
    const { environment = {}, tmpfs = [], volumes = [] } = compose.services['claude-api']!;
    const mounted = [...tmpfs, ...volumes.map((volume) => volume.replace(/:ro$/, ''))].map((mount) =>
      mount.replace(/:(exec|mode).*/, '').replace(/.*:/, ''),
    );
    const names = ['CLAUDE_WORK_DIR', 'CLAUDE_WORKSPACES_DIR', 'CLAUDE_CONFIG_DIR', 'HOME'];
    const kept = names.map((name) => environment[name]!);
    expect(mounted).toEqual(expect.arrayContaining(kept));
    for (const path of kept) {
      expect(mounted.filter((other) => other !== path && path.startsWith(`${other}/`))).toEqual([]);
    }
  });

  test('only workers and the way to files share a network with claude-api, and what needs no way out has none', () => {
    const on = (network: string) =>
      services.filter(([, { networks }]) => networks?.includes(network)).map(([name]) => name);
    expect(compose.services['claude-api']?.networks).toEqual(['upstream', 'outward']);
    expect(on('outward').sort()).toEqual(['claude-api', 'egress']);
    expect(on('internet')).toEqual(['egress']);
    expect(on('upstream').sort()).toEqual(['claude-api', 'files', 'worker']);
    expect(on('files').sort()).toEqual(['files', 'gateway']);
    expect(on('data').sort()).toEqual(['dashboard', 'gateway', 'redis', 'worker']);
    expect(on('door').sort()).toEqual(['balancer', 'gateway']);
    const open = Object.entries(compose.networks).filter(([, network]) => network?.internal !== true);
    expect(open.map(([name]) => name)).toEqual(['edge', 'internet']);
    expect(compose.services['redis-users']?.network_mode).toBe('none');
  });

  test('a service that starts processes has an init to collect them', () => {
    expect(compose.services['claude-api']?.init).toBe(true);
  });

  test('Docker waits longer than each app takes to leave', () => {
    const { gateway, worker, 'claude-api': claudeApi } = compose.services;
    // As the apps add them up in their main.ts.
    expect(seconds(gateway?.stop_grace_period)).toBeGreaterThan(
      seconds(gateway?.environment?.GATEWAY_DRAIN_GRACE_MS) + 5,
    );
    expect(seconds(worker?.stop_grace_period)).toBeGreaterThan(
      seconds(worker?.environment?.WORKER_DRAIN_GRACE_MS) + 15,
    );
    expect(seconds(claudeApi?.stop_grace_period)).toBeGreaterThan(
      seconds(claudeApi?.environment?.CLAUDE_DRAIN_MS) + 2 * 3 + 10,
    );
  });

  test('no secret is in an environment, and no version is left open', () => {
    const variables = services.flatMap(([, { environment = {} }]) => Object.keys(environment));
    expect(variables.filter((name) => /(KEY|TOKEN|PASSWORD|SECRET|REDIS_URL)$/.test(name))).toEqual([]);
    for (const [name, { image, build }] of services) {
      if (!build) expect(plain(image), name).toMatch(/^(redis|haproxy|node):\d/);
    }
    for (const { file } of Object.values(compose.configs))
      expect(existsSync(`${root}${file}`), file).toBe(true);
  });

  test.each(Object.entries(apps))(
    '%s is given each of its settings, unless there is a reason why not',
    (app, settings) => {
      const given = Object.keys(compose.services[app]?.environment ?? {});
      const isGiven = ({ env }: { env: string }) => given.includes(env) || given.includes(`${env}_FILE`);
      const isExcused = ({ env }: { env: string }) =>
        Object.values(NOT_GIVEN).some((names) => names.test(`${app} ${env}`));
      const unlike = Object.values(settings).filter((each) => isGiven(each) === isExcused(each));
      expect(unlike.map(({ env }) => env)).toEqual([]);
    },
  );

  test('what stands in a file, and is not named, is not set', () => {
    const { environment: claudeApi } = compose.services['claude-api']!;
    expect(claudeApi?.CLAUDE_CREDENTIALS).toMatch(/^\$\{CLAUDE_CREDENTIALS_DIR:\+file:/);
    const { environment: dashboard } = compose.services.dashboard!;
    expect(dashboard?.DASHBOARD_TOKEN_FILE).toMatch(/^\$\{DASHBOARD_TOKEN_FILE:\+\/run\/secrets\//);
  });

  test('.env.example explains each variable, with its default, and no other', () => {
    const used = new Map(
      [...text.matchAll(/\$\{(\w+):?-([^}]*)\}/g)].map(([, name, value]) => [name, value]),
    );
    used.set('NPMRC', '');
    const lines = read('.env.example').split('\n');
    const told = lines.filter((line) => /^#[A-Z_]+=/.test(line)).map((line) => line.slice(1).split('='));
    expect(told.map(([name]) => name).sort()).toEqual([...used.keys()].sort());
    // These show what one would write.
    const shown = ['ALLOWED_HOSTS', 'CLAUDE_HOME', 'GATEWAY_ALLOWED_ORIGINS'];
    const defaults = told.filter(([name]) => !shown.includes(name ?? ''));
    expect(defaults.map(([name, value]) => [name, value])).toEqual(
      defaults.map(([name]) => [name, used.get(name!)]),
    );
    const unexplained = lines.filter(
      (line, index) => /^#[A-Z_]+=/.test(line) && lines[index - 1]?.trim() === '',
    );
    expect(unexplained).toEqual([]);
  });
});

test('the token of claude-api is drawn once, for workers and gateways; claude-api has its digest; a key, for gateways and workers, can be changed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'make-users-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const app of ['redis', 'gateway', 'worker', 'dashboard', 'claude-api']) mkdirSync(join(folder, app));
  function draw(...change: string[]) {
    execFileSync(process.execPath, [`${root}deploy/redis/make-users.mjs`, folder, ...change]);
    return [
      ...['worker/claude-api-token', 'claude-api/token-sha256', 'gateway/secrets-key', 'worker/secrets-key'],
    ].map((file) => readFileSync(join(folder, file), 'utf8').trim());
  }
  const [first, second] = [draw(), draw()];
  expect(first[0]).toMatch(/^[0-9a-f]{64}$/);
  expect(first[1]).toBe(createHash('sha256').update(first[0]!).digest('hex'));
  expect(readdirSync(join(folder, 'claude-api'))).toEqual(['token-sha256']);
  expect(readFileSync(join(folder, 'gateway/claude-api-token'), 'utf8').trim()).toBe(first[0]);
  expect(first[2]).toMatch(/^[0-9a-f]{64}$/);
  expect(first[3]).toBe(first[2]);
  expect(first[2]).not.toBe(first[0]);
  expect(second).toEqual(first);
  const old = first[2];
  const [, , added = ''] = draw('add-key');
  const [, fresh] = added.split('\n');
  expect(added).toBe(`${old}\n${fresh}`);
  expect(fresh).toMatch(/^[0-9a-f]{64}$/);
  for (const [change, keys] of [
    ['use-key', `${fresh}\n${old}`],
    ['drop-key', fresh],
  ] as const) {
    expect(draw(change).slice(2)).toEqual([keys, keys]);
  }
});

test.each(['deploy/redis/make-users.mjs', 'deploy/kubernetes/secrets.example.yaml'])(
  'in %s nobody can be the default user, as which Redis reads its log, and which therefore may do everything',
  (path) => {
    expect(read(path).match(/user default [^'\n]*/g)).toEqual(['user default reset off ~* &* +@all']);
  },
);

describe.each(Object.entries(DOCKERFILES))('the Dockerfile of %s', (app, path) => {
  const dockerfile = read(path);
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

  test('stands on the slim image of a chosen Node, in stages', () => {
    expect(dockerfile).toMatch(
      /^ARG NODE_VERSION=\d+\nARG NODE_DIGEST=\n\nFROM node:\$\{NODE_VERSION\}-trixie-slim\$\{NODE_DIGEST\} AS base$/m,
    );
    expect(dockerfile).toMatch(/^FROM base AS packages$/m);
    expect(last).toMatch(/^\nFROM base\n/);
  });

  test('installs the production packages of its app from the lock file, before any code is there, with a cache', () => {
    expect(dockerfile).toContain(`stage.sh packages @cc-executor/${app} cc-executor`);
    expect(dockerfile).toContain('--mount=type=cache,target=/root/.npm');
    expect(read('deploy/image/stage.sh')).toMatch(/npm ci --omit=dev/);
    expect(dockerfile.indexOf('FROM base AS packages')).toBeLessThan(
      dockerfile.indexOf('FROM base AS sources'),
    );
    expect(last.indexOf('--from=packages')).toBeLessThan(last.indexOf('--from=sources'));
  });

  test('runs as nobody special, hears SIGTERM itself, says what it is and whether it is well', () => {
    expect(last).toMatch(/^USER node$/m);
    const args = ['node', ...SERVICE_FLAGS, '--import', '/app/compile-cache.mjs', `apps/${app}/src/main.ts`];
    expect(last).toContain(`\nCMD [${args.map((arg) => JSON.stringify(arg)).join(', ')}]`);
    expect(read('deploy/image/stage.sh')).toContain(
      `node ${SERVICE_FLAGS.join(' ')} --import ./compile-cache.mjs "$2"`,
    );
    expect(last).toContain(`/image/stage.sh compiled apps/${app}/src/main.ts\n`);
    expect(last).toMatch(
      /^HEALTHCHECK [^\n]*--start-period=[^\n]*\\\n {2}CMD \["node", "healthcheck\.mjs", /m,
    );
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(last).toContain(`ARG VERSION=${version}\n`);
    for (const label of ['title', 'description', 'version', 'revision', 'licenses']) {
      expect(last).toContain(`org.opencontainers.image.${label}=`);
    }
    expect(dockerfile).not.toMatch(/^ADD |https:\/\//m);
  });

  test('holds no secret', () => {
    expect(dockerfile).not.toMatch(/^(ARG|ENV) .*(KEY|TOKEN|PASSWORD|SECRET)/m);
    expect(dockerfile).toContain('--mount=type=secret,id=npmrc,target=/root/.npmrc,required=false');
  });
});

test('Claude Code is installed from its lock file, which alone says the version', () => {
  const dockerfile = read(DOCKERFILES['claude-api']);
  expect(dockerfile).toContain('source=tools/claude-code,target=/locked');
  expect(Object.values(DOCKERFILES).map(read).join()).not.toMatch(/npm (install|i|exec)\b|npx/);
  expect(read('deploy/image/stage.sh')).toMatch(/cp \/locked\/package\.json \/locked\/package-lock\.json/);
  const { dependencies } = JSON.parse(read('tools/claude-code/package.json'));
  const { packages } = JSON.parse(read('tools/claude-code/package-lock.json')) as {
    packages: Record<string, { version: string; integrity?: string }>;
  };
  const locked = packages['node_modules/@anthropic-ai/claude-code'];
  expect(locked?.version).toBe(dependencies['@anthropic-ai/claude-code']);
  const unchecked = Object.entries(packages).filter(([path, { integrity }]) => path !== '' && !integrity);
  expect(unchecked).toEqual([]);
  expect(read('docs/deployment.md')).toContain(`CLAUDE_CODE_VERSION=${locked?.version} `);
});

test('.dockerignore lets in nothing but what the images are made of', () => {
  const rules = read('.dockerignore')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  expect(rules[0]).toBe('*');
  for (const rule of ['**/node_modules', '**/test', '**/.env*']) expect(rules).toContain(rule);
  const allowed = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
  expect(allowed.filter((path) => !existsSync(`${root}${path}`))).toEqual([]);
});

test('every app has a Dockerfile, but the command, which is in each image', () => {
  expect(
    readdirSync(`${root}apps`)
      .filter((app) => app !== 'cli')
      .sort(),
  ).toEqual(Object.keys(DOCKERFILES).sort());
});

test.each(['libs/local-redis/redis.conf', 'deploy/redis/redis.conf', 'deploy/kubernetes/redis.yaml'])(
  '%s limits what any class of connections may leave untaken',
  (path) => {
    const limits = read(path).matchAll(/^\s*client-output-buffer-limit (\w+) \d+mb \d+mb \d+$/gm);
    expect([...limits].map(([, name]) => name)).toEqual(['normal', 'replica', 'pubsub']);
  },
);
