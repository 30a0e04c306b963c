/**
 * Whether Redis keeps what it acknowledges: its append-only file is on and can be written, and it never evicts keys.
 * Read from INFO, which users without CONFIG may run too. INFO does not tell `appendfsync`: that stays the operator's.
 */
import type { RedisConnection } from './connection.ts';
import { readInfo } from './info.ts';
import { mastersOf } from './servers.ts';

export type Durability = {
  /** `unknown`: nothing is known to be wrong, but not everything could be looked at. */
  state: 'kept' | 'faulty' | 'unknown';
  /** What is wrong, each with what to set. */
  faults: string[];
  /** What could not be checked, each with why. */
  unchecked: string[];
};

/** Judges one server by its INFO. Pure. */
export function judgeDurability(info: Readonly<Record<string, string>>): Durability {
  const { aof_enabled: aof, aof_last_write_status: lastWrite, maxmemory_policy: policy } = info;
  const faults: string[] = [];
  const unchecked: string[] = [];
  if (aof === undefined) unchecked.push('persistence could not be checked: INFO has no aof_enabled');
  else if (aof !== '1') {
    faults.push(
      'appendonly is off: jobs are lost when Redis restarts; set appendonly yes and appendfsync everysec',
    );
  } else if (lastWrite !== undefined && lastWrite !== 'ok') {
    faults.push(
      `the append-only file cannot be written (aof_last_write_status ${lastWrite}); look at its disk and Redis's log`,
    );
  }
  if (policy === undefined) unchecked.push('eviction could not be checked: INFO has no maxmemory_policy');
  else if (policy !== 'noeviction') {
    faults.push(
      `maxmemory-policy is ${policy}: jobs vanish when memory is short; set maxmemory-policy noeviction`,
    );
  }
  return conclude(faults, unchecked);
}

/** Looks at every master. A user who may not run INFO gets `unknown`. Rejects when Redis does not answer. */
export async function checkDurability(redis: RedisConnection): Promise<Durability> {
  const results = await Promise.all(mastersOf(redis).map(async (server) => judgeServer(server)));
  const unique = (lists: string[][]) => [...new Set(lists.flat())];
  if (results.length === 0) return conclude([], ['no master of the cluster is known yet']);
  return conclude(unique(results.map(({ faults }) => faults)), unique(results.map((r) => r.unchecked)));
}

async function judgeServer(server: { info(section: string): Promise<string> }): Promise<Durability> {
  try {
    // One section a call: servers before 7 take no more.
    const [persistence, memory] = await Promise.all([server.info('persistence'), server.info('memory')]);
    return judgeDurability({ ...readInfo(persistence), ...readInfo(memory) });
  } catch (error) {
    const { message } = error as Error;
    if (!/^(NOPERM|ERR unknown)/.test(message)) throw error;
    return conclude([], [`durability could not be checked: ${message}; allow +info to this user`]);
  }
}

function conclude(faults: string[], unchecked: string[]): Durability {
  const state = faults.length > 0 ? 'faulty' : unchecked.length > 0 ? 'unknown' : 'kept';
  return { state, faults, unchecked };
}
