/**
 * Whether a Redis refuses writes because fewer replicas follow it than must (`min-replicas-to-write`): from INFO, which
 * users without CONFIG may run too. INFO does not tell how many must: none is too few in any case.
 */
import type { RedisConnection } from './connection.ts';
import { readSection } from './info.ts';
import { mastersOf } from './servers.ts';

/** False where INFO is not allowed. Rejects when Redis does not answer. */
export async function lacksReplicas(redis: RedisConnection): Promise<boolean> {
  const found = await Promise.all(mastersOf(redis).map((server) => readSection(server, 'replication')));
  // Told by those alone that must have replicas; one that is a replica itself answers READONLY.
  return found.some((info) => info?.role === 'master' && info.min_slaves_good_slaves === '0');
}
