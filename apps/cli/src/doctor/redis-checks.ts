/** Redis from here: name, each address, login, PING, durability, clock, the rights on our keys. */
import { createRegistry, describeTrouble, type ServiceReport } from '@cc-executor/fleet';
import {
  closeRedis,
  openRedis,
  probeRedis,
  RedisAddressError,
  type RedisConnection,
  type RedisView,
} from '@cc-executor/redis';
import { within } from '@cc-executor/runtime';
import { adviseOn } from './advice.ts';
import { judgeClock } from './clock.ts';
import { type Finding, fail } from './finding.ts';
import { judgeDurability, judgeRedis, judgeSoftware } from './redis-view.ts';

const PROBE_MS = 4_000;
const READ_MS = 3_000;

export type RedisCheckResult = { findings: Finding[]; services: ServiceReport[] | undefined; now: number };

export async function checkRedis(subject: string, url: string, keyPrefix: string): Promise<RedisCheckResult> {
  let view: RedisView;
  try {
    view = await probeRedis(url, { timeoutMs: PROBE_MS, name: 'cc-executor:doctor' });
  } catch (error) {
    if (!(error instanceof RedisAddressError)) throw error;
    const finding = fail(subject, `REDIS_URL cannot be read: ${error.message}`, 'Correct REDIS_URL.');
    return { findings: [finding], services: undefined, now: Date.now() };
  }
  const findings = judgeRedis(subject, view);
  const now = Date.now() + (view.clockOffsetMs ?? 0);
  if (!view.ok) return { findings, services: undefined, now };
  if (view.clockOffsetMs !== undefined) findings.push(judgeClock(subject, view.clockOffsetMs, 'Redis'));
  findings.push(...judgeSoftware(view), judgeDurability(view));
  const redis = openRedis(url, {
    name: 'cc-executor:doctor',
    role: 'impatient',
    commandTimeoutMs: READ_MS,
    onError() {},
  });
  try {
    await whenReady(redis);
    return { findings, services: await createRegistry({ redis, keyPrefix }).list(now), now };
  } catch (error) {
    const { message } = error as Error;
    const code = message.startsWith('NOPERM') ? 'NOPERM' : undefined;
    findings.push(
      fail(subject, `keys ${keyPrefix}:*: ${describeTrouble(code, message)}`, adviseOn(code, 'redis')),
    );
    return { findings, services: undefined, now };
  } finally {
    await closeRedis(redis);
  }
}

async function whenReady(redis: RedisConnection): Promise<void> {
  if (redis.status === 'ready') return;
  await within(new Promise<void>((resolve) => redis.once('ready', () => resolve())), READ_MS);
}
