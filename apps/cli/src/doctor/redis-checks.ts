/** Redis from here: name, each address, login, PING, durability, clock, the rights on our keys. */
import { createRegistry, describeTrouble, kindOfTrouble, type ServiceReport } from '@cc-executor/fleet';
import {
  closeRedis,
  openRedis,
  probeRedis,
  RedisAddressError,
  type RedisConnection,
  type RedisView,
} from '@cc-executor/redis';
import { adviseOn } from './advice.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { judgeClock } from './gateway-checks.ts';

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
  findings.push(judgeDurability(view));
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

/** What a view says of reaching it: also that of another process. */
export function judgeRedis(subject: string, view: RedisView): Finding[] {
  const { address, servers = [], code, detail } = view;
  const unreachable = servers.flatMap(({ host, port, nameCode, addresses }) => [
    ...(nameCode === undefined ? [] : [{ place: host, code: nameCode }]),
    ...addresses
      .filter((one) => one.code !== undefined)
      .map((one) => ({ place: `${one.address} port ${port}`, code: one.code })),
  ]);
  const problems = unreachable.map((one) => `${one.place}: ${describeTrouble(one.code)}`);
  if (view.ok) {
    const seen = servers.flatMap(({ addresses }) => addresses.map((one) => one.address)).join(', ');
    const good = ok(subject, `${address}${seen === '' ? '' : ` (${seen})`}: answers`, view.latencyMs);
    return [
      good,
      ...problems.map((problem) => warn(subject, problem, adviseOn(unreachable[0]?.code, 'redis'))),
    ];
  }
  const login = problems.length === 0 || kindOfTrouble(code) === 'credentials';
  const message = login ? describeTrouble(code, detail) : problems.join('; ');
  return [fail(subject, `${address}: ${message}`, adviseOn(code, 'redis'))];
}

export function judgeDurability({ durability, address }: RedisView): Finding {
  const subject = 'redis, durability';
  const { state = 'unknown', faults = [], unchecked = [] } = durability ?? {};
  if (state === 'faulty')
    return warn(
      subject,
      `${address}: ${faults.join('; ')}`,
      'Set it in the configuration of Redis; with STRICT_DURABILITY=true gateways and workers refuse such a Redis.',
    );
  if (state === 'unknown') {
    const why = unchecked.length === 0 ? 'it could not be checked' : unchecked.join('; ');
    return warn(
      subject,
      `${address}: ${why}`,
      'Look at `appendonly` and `maxmemory-policy` of this Redis yourself.',
    );
  }
  return ok(subject, `${address}: append-only file on, noeviction`);
}

function whenReady(redis: RedisConnection): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  if (redis.status === 'ready') resolve();
  redis.once('ready', () => resolve());
  const timer = setTimeout(() => reject(new Error('no answer in time')), READ_MS);
  return promise.finally(() => clearTimeout(timer));
}
