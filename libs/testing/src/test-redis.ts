/**
 * A Redis of the test's own, the same that `npm start` would choose, on a free loopback port with a directory of its
 * own. Where that is the embedded server, the set-up says it loudly. Nothing of it outlives `close()`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import {
  type ChooseOptions,
  chooseRedis,
  embeddedScript,
  type RedisChoice,
  serverArguments,
} from '@cc-executor/local-redis';
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { fetchSettings, loadConfig } from '@cc-executor/runtime';
import { freePort } from './free-port.ts';
import { killWithParent } from './kill-with-parent.ts';
import { quickStart } from './quick-start.ts';

export type TestRedisOptions = {
  /** Keep data on disk, so that it survives `kill()` and `start()`. */
  appendonly?: boolean;
  /** With `appendonly`: when what was answered is on disk; default is within a second. */
  appendfsync?: 'always';
  /** One node that serves all slots of a Redis Cluster; the URL is then a `redis+cluster://` one. */
  cluster?: boolean;
  /** The embedded server even where there is a real one. */
  embedded?: boolean;
};

export type TestRedis = {
  readonly url: string;
  readonly port: number;
  readonly kind: 'redis' | 'embedded';
  /** Of the process that runs now; undefined while there is none. */
  readonly pid: number | undefined;
  /** A connection for looking behind the scenes; closed with the server. */
  readonly admin: RedisConnection;
  /** Kills the server (SIGKILL); resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port, after `kill()`. */
  start(): Promise<void>;
  /** Breaks off the connections of all subscribers, or all others but `admin`. */
  killClients(kind: 'subscribers' | 'others'): Promise<void>;
  /** Throws when keys under the prefix are left, naming them. */
  assertNoKeys(prefix: string): Promise<void>;
  /** Channels that somebody is subscribed to. */
  channels(): Promise<string[]>;
  /** Idempotent. */
  close(): Promise<void>;
};

const HOST = '127.0.0.1';

let chosen: Promise<RedisChoice> | undefined;

/**
 * Which Redis the tests run on; only the first call looks. REDIS_URL is of no use to them: they need servers of their
 * own.
 */
export function chooseTestRedis(options: Pick<ChooseOptions, 'onFetch'> = {}): Promise<RedisChoice> {
  const { fetchRedis: mayFetch } = loadConfig('tests', fetchSettings);
  // Tests look for tools as a shell would: this is no setting of ours.
  chosen ??= chooseRedis({ path: process.env.PATH, mayFetch, ...options });
  return chosen;
}

/** Starts a Redis. Rejects when it does not get ready, with what it printed. */
export async function startTestRedis(options: TestRedisOptions = {}): Promise<TestRedis> {
  const binary = options.embedded ? undefined : await findBinary();
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), 'cc-executor-redis-'));
  let child: ChildProcess | undefined;
  let closing: Promise<void> | undefined;

  async function start(): Promise<void> {
    const [command, args] = binary
      ? [binary, await listArguments(port, directory, options)]
      : [process.execPath, [...quickStart(embeddedScript), String(port), HOST]];
    child = spawn(command, args, { cwd: directory, stdio: ['pipe', 'pipe', 'pipe'] });
    killWithParent(child);
    await untilReady(child);
    await ping(port);
  }

  async function kill(): Promise<void> {
    const killed = child;
    child = undefined;
    if (!killed || killed.exitCode !== null || killed.signalCode !== null) return;
    const exited = once(killed, 'exit');
    killed.kill('SIGKILL');
    await exited;
  }

  await start();
  const url = `redis${options.cluster ? '+cluster' : ''}://127.0.0.1:${port}`;
  const admin = openRedis(`redis://127.0.0.1:${port}`, {
    name: 'test-admin',
    role: 'patient',
    onError: () => {
      // Tests kill the server; the connection comes back by itself.
    },
  });
  if (options.cluster) await serveAllSlots(admin);

  async function shutDown(): Promise<void> {
    await closeRedis(admin);
    await kill();
    await rm(directory, { recursive: true, force: true });
  }

  return {
    url,
    port,
    kind: binary ? 'redis' : 'embedded',
    get pid() {
      return child?.pid;
    },
    admin,
    kill,
    start,
    async killClients(kind) {
      if (binary) await admin.call('CLIENT', ...KILL[kind]);
      else await killOneByOne(admin, kind);
    },
    async assertNoKeys(prefix) {
      const keys = await admin.keys(`*${prefix}*`);
      if (keys.length > 0) throw new Error(`keys are left: ${keys.sort().join(', ')}`);
    },
    channels: async () => (await admin.pubsub('CHANNELS')) as string[],
    close: () => {
      closing ??= shutDown();
      return closing;
    },
  };
}

/** A key prefix that no other test has. */
export function uniquePrefix(): string {
  return `test-${randomUUID().slice(0, 8)}`;
}

const KILL = {
  subscribers: ['KILL', 'TYPE', 'PUBSUB'],
  others: ['KILL', 'TYPE', 'NORMAL', 'SKIPME', 'YES'],
} as const;

/** The embedded server knows no types of clients. */
async function killOneByOne(admin: RedisConnection, kind: keyof typeof KILL): Promise<void> {
  const own = await admin.client('ID');
  for (const line of String(await admin.client('LIST')).split('\n')) {
    const [, id] = /^id=(\d+) /.exec(line) ?? [];
    if (id === undefined || Number(id) === own) continue;
    if (/ sub=0 psub=0 /.test(line) === (kind === 'others')) await admin.client('KILL', 'ID', id);
  }
}

async function findBinary(): Promise<string | undefined> {
  const choice = await chooseTestRedis();
  return 'program' in choice ? choice.program.file : undefined;
}

async function listArguments(port: number, folder: string, options: TestRedisOptions): Promise<string[]> {
  const cluster = { 'cluster-enabled': 'yes', 'cluster-announce-ip': HOST };
  const [file = '', ...settings] = serverArguments(
    { port, host: HOST, folder },
    {
      appendonly: options.appendonly ? 'yes' : 'no',
      ...(options.appendfsync ? { appendfsync: options.appendfsync } : {}),
      ...(options.cluster ? { ...cluster, 'cluster-port': String(await freePort()) } : {}),
    },
  );
  // A copy: sentinels let Redis write down in its file what they make of it. The names of file and folder tell whose it is.
  const copy = join(folder, basename(dirname(file)), basename(file));
  await mkdir(dirname(copy), { recursive: true });
  await copyFile(file, copy);
  return [copy, ...settings];
}

async function serveAllSlots(admin: RedisConnection): Promise<void> {
  await admin.cluster('ADDSLOTSRANGE', 0, 16_383);
  // Redis waits two seconds before it lets a new cluster node write, and tells nobody when it does.
  for (let tries = 0; tries < 200; tries += 1) {
    if (String(await admin.cluster('INFO')).includes('cluster_state:ok')) return;
    await setTimeout(50);
  }
  throw new Error('the cluster node did not become ready');
}

/** Resolves when the server says that it is ready; rejects when it exits first, with its last lines. */
async function untilReady(child: ChildProcess): Promise<void> {
  const { stdout, stderr } = child;
  if (!stdout || !stderr) throw new Error('the server was started without pipes');
  const printed: string[] = [];
  stderr.on('data', (data: Buffer) => printed.push(data.toString()));
  await new Promise<void>((resolve, reject) => {
    createInterface(stdout).on('line', (line) => {
      printed.push(line);
      printed.splice(0, printed.length - 50);
      if (line.includes('Ready to accept connections')) resolve();
    });
    child.once('error', reject);
    child.once('exit', (code) =>
      reject(new Error(`the test's Redis exited with ${code}:\n${printed.join('\n')}`)),
    );
  });
}

async function ping(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    if (!answer.toString().startsWith('+PONG')) throw new Error(`the test's Redis answered ${answer}`);
  } finally {
    socket.destroy();
  }
}
