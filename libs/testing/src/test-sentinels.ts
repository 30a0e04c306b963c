/**
 * A master with two replicas, and three sentinels that watch over them: real ones, for failovers that take seconds. The
 * master takes writes only while a replica follows it. Nothing of it outlives `close()`. Needs `replication`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { freePort } from './free-port.ts';
import { killWithParent } from './kill-with-parent.ts';
import { chooseTestRedis, startTestRedis, type TestRedis } from './test-redis.ts';

export type TestSentinels = {
  /** redis+sentinel://… */
  readonly url: string;
  /** The first one is the master at the beginning. */
  readonly servers: readonly [TestRedis, TestRedis, TestRedis];
  /** To whoever is the master; closed with the sentinels. */
  readonly admin: RedisConnection;
  /** Who the sentinels say is the master. */
  master(): Promise<TestRedis>;
  /** Resolves with the new master when it takes writes. */
  untilReplaced(old: TestRedis): Promise<TestRedis>;
  /** Resolves when both replicas have all that the master has. */
  untilReplicated(): Promise<void>;
  /** Wakes stopped servers, too. Idempotent. */
  close(): Promise<void>;
};

const HOST = '127.0.0.1';
const MASTER = 'tests';
/**
 * So long a server may be silent, in ms. Sentinels ping once a second: with one second they now and then take the master
 * that they have just made for dead, and replace it, too.
 */
const DOWN_AFTER_MS = 2_000;
const POLL_MS = 50;

/** @param options.password what sentinels ask of who connects; none by default */
export async function startTestSentinels(options: { password?: string } = {}): Promise<TestSentinels> {
  const servers = (await Promise.all([1, 2, 3].map(() => startTestRedis()))) as [
    TestRedis,
    TestRedis,
    TestRedis,
  ];
  const [first, ...replicas] = servers;
  for (const { admin } of servers) await admin.config('SET', 'repl-diskless-sync-delay', '0');
  for (const { admin } of replicas) await admin.replicaof(HOST, first.port);
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-sentinels-'));
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(folder, first.port, options)));
  await untilTrue(async () => (await countFollowers(first)) === replicas.length);
  for (const { admin } of servers) await admin.config('SET', 'min-replicas-to-write', '1');
  const views = sentinels.map(({ view }) => view);
  await untilTrue(async () => (await Promise.all(views.map(knowsAll))).every(Boolean));
  const hosts = sentinels.map(({ port }) => `${HOST}:${port}`).join(',');
  const secret =
    options.password === undefined ? '' : `?sentinelPassword=${encodeURIComponent(options.password)}`;
  const url = `redis+sentinel://${hosts}/${MASTER}${secret}`;
  const admin = open(url);

  async function master(): Promise<TestRedis> {
    const [view] = views;
    const address = (await view?.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', MASTER)) as [string, string];
    return servers.find(({ port }) => String(port) === address[1]) ?? first;
  }

  async function untilReplaced(old: TestRedis): Promise<TestRedis> {
    await untilTrue(async () => (await master()) !== old);
    const promoted = await master();
    await untilTrue(() => promoted.admin.set('promoted', '1').then(Boolean, () => false));
    await promoted.admin.del('promoted');
    return promoted;
  }

  async function shutDown(): Promise<void> {
    for (const { pid } of servers) if (pid !== undefined) process.kill(pid, 'SIGCONT');
    await Promise.all([admin, ...views].map(closeRedis));
    await Promise.all(sentinels.map(({ child }) => end(child)));
    await Promise.all(servers.map((server) => server.close()));
    await rm(folder, { recursive: true, force: true });
  }

  let closing: Promise<void> | undefined;
  return {
    url,
    servers,
    admin,
    master,
    untilReplaced,
    async untilReplicated() {
      const current = await master();
      await current.admin.wait(replicas.length, 0);
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

async function startSentinel(folder: string, masterPort: number, { password }: { password?: string }) {
  const choice = await chooseTestRedis();
  if (!('program' in choice)) throw new Error('the embedded server is no sentinel');
  const port = await freePort();
  const file = join(folder, `${port}.conf`);
  const lines = [
    `port ${port}`,
    `bind ${HOST}`,
    `dir ${folder}`,
    `sentinel monitor ${MASTER} ${HOST} ${masterPort} 2`,
    `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER} 5000`,
    `sentinel parallel-syncs ${MASTER} 2`,
    ...(password === undefined ? [] : [`requirepass ${password}`]),
  ];
  // A sentinel writes down in its file what it learns.
  await writeFile(file, lines.join('\n'));
  const child = spawn(choice.program.file, [file, '--sentinel'], { cwd: folder, stdio: 'ignore' });
  killWithParent(child);
  const login = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return { port, child, view: open(`redis://${login}${HOST}:${port}`) };
}

function open(url: string): RedisConnection {
  return openRedis(url, {
    name: 'test-admin',
    role: 'patient',
    onError: () => {
      // Tests kill servers; the connection comes back by itself.
    },
  });
}

async function countFollowers({ admin }: TestRedis): Promise<number> {
  return String(await admin.info('replication')).split('state=online').length - 1;
}

/** The other sentinels, and both replicas. */
async function knowsAll(view: RedisConnection): Promise<boolean> {
  const [others, replicas] = (await Promise.all([
    view.call('SENTINEL', 'SENTINELS', MASTER),
    view.call('SENTINEL', 'REPLICAS', MASTER),
  ])) as [unknown[], unknown[]];
  return others.length === 2 && replicas.length === 2;
}

async function untilTrue(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await setTimeout(POLL_MS);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
