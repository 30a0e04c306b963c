/** Reads fields of a job's record, or of a batch, for a tenant: of another's nothing is read, as if it were missing. */
import type { RedisConnection } from '@cc-executor/redis';
import { defineScripts } from './scripts.ts';

export type OwnFields = <N extends string>(
  tenant: string,
  key: string,
  names: readonly N[],
) => Promise<Partial<Record<N, string>> | undefined>;

export function createOwnFields(redis: RedisConnection): OwnFields {
  const { own } = defineScripts(redis, 'own');
  return async <N extends string>(tenant: string, key: string, names: readonly N[]) => {
    const values: (string | number | null)[] = await own([key], [tenant, ...names]);
    if (values.length === 0) return undefined;
    const held = names.map((name, i) => [name, values[i] ?? undefined]);
    return Object.fromEntries(held) as Partial<Record<N, string>>;
  };
}
