/**
 * What a real Redis can do and the embedded server cannot. A test that needs it says so, and is skipped where there is
 * only the embedded one, with these words as the reason.
 */
import { chooseTestRedis } from './test-redis.ts';

const lacking = {
  cluster: 'the embedded Redis has no cluster',
  persistence: 'the embedded Redis keeps nothing over a restart',
  users: 'the embedded Redis has no users and no passwords',
  settings:
    'the embedded Redis obeys no settings: no limit of memory, no eviction, no fsync, no replicas that it waits for',
  statistics: 'the embedded Redis does not count its commands',
  replication: 'the embedded Redis is no replica of another one',
  pauses: 'the embedded Redis cannot be told to stand still',
  program: 'the embedded Redis is no program of its own, with a data folder and a guard',
  throughput: 'the embedded Redis is too slow for so much at once',
};

export type RedisAbility = keyof typeof lacking;

/** Why the Redis of these tests cannot do it; undefined when it can. */
export async function lacks(ability: RedisAbility): Promise<string | undefined> {
  const { kind } = await chooseTestRedis();
  return kind === 'embedded' ? lacking[ability] : undefined;
}

/** For `beforeEach`, or at the beginning of a test: skips the test where the Redis cannot do all of this. */
export function needs(...abilities: RedisAbility[]) {
  return async ({ skip }: { skip(reason: string): never }): Promise<void> => {
    for (const ability of abilities) {
      const reason = await lacks(ability);
      if (reason !== undefined) skip(reason);
    }
  };
}
