/** On what the figures were measured. Without it they say nothing. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestRedis } from '@cc-executor/testing';
import { machineUs } from './proc.ts';

export type Machine = {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  /** What Redis writes to disk, and when. */
  readonly persistence: string;
  readonly commit: string;
  /** Cores in use by others before anything was started; NaN where it is unknown. */
  readonly busyCores: number;
};

const LOOK_MS = 1_000;

export async function describeMachine(): Promise<Machine> {
  const list = cpus();
  return {
    cpu: list[0]?.model.trim() ?? 'unknown',
    cores: list.length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${process.platform} ${release()}`,
    node: process.version,
    commit: readCommit(),
    busyCores: await readBusyCores(),
    ...(await describeRedis()),
  };
}

/** Asks one that is started as the product's is. */
async function describeRedis(): Promise<Pick<Machine, 'redis' | 'persistence'>> {
  const { admin, kind, close } = await startTestRedis({ appendonly: true });
  try {
    if (kind === 'embedded') return { redis: 'embedded', persistence: 'none' };
    const version = /redis_version:(\S+)/.exec(await admin.info('server'))?.[1];
    const [, isOn] = (await admin.config('GET', 'appendonly')) as string[];
    const [, when] = (await admin.config('GET', 'appendfsync')) as string[];
    return { redis: version ?? 'unknown', persistence: `appendonly ${isOn}, appendfsync ${when}` };
  } finally {
    await close();
  }
}

function readCommit(): string {
  try {
    return execFileSync('git', ['log', '-1', '--format=%h %s'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}

async function readBusyCores(): Promise<number> {
  const before = machineUs() ?? Number.NaN;
  await sleep(LOOK_MS);
  return ((machineUs() ?? Number.NaN) - before) / (LOOK_MS * 1_000);
}
