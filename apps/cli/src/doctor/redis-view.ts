/** What one process, this or another, sees of Redis, judged. Pure. */
import { describeFullness, describeTrouble, kindOfTrouble } from '@cc-executor/fleet';
import { originOf } from '@cc-executor/local-redis';
import type { RedisView } from '@cc-executor/redis';
import { adviseOn, adviseOnKind } from './advice.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** What gateways take for full, unless they are told otherwise. */
const FULL_PERCENT = 90;

/** Whether it can be reached and used, and has room. `fullPercent` is the setting of whoever sees it. */
export function judgeRedis(subject: string, view: RedisView, fullPercent = FULL_PERCENT): Finding[] {
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
    const fullness = describeFullness(view.memory, fullPercent);
    return [
      fullness === undefined
        ? good
        : fail(subject, `${address}: ${fullness}`, adviseOnKind('memory_full', 'redis')),
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

const ORIGINS = {
  external: 'given by REDIS_URL',
  installed: 'installed on its machine, and started by `npm start`',
  fetched: 'fetched and started by `npm start`',
};

/** Which of those that `npm start` chooses from. Nothing where that was not told. */
export function judgeSoftware({ software, address }: RedisView): Finding[] {
  if (software === undefined) return [];
  const subject = 'redis, server';
  const origin = originOf(software);
  if (origin === 'embedded') {
    return [
      warn(
        subject,
        `${address}: the EMBEDDED server of \`npm start\`: slow, in memory, nothing survives`,
        'Install redis-server, let `npm start` fetch one (FETCH_REDIS; it says why it could not), or set REDIS_URL.',
      ),
    ];
  }
  return [ok(subject, `${address}: ${software.name} ${software.version}, ${ORIGINS[origin]}`)];
}
