/**
 * Places in accounts of the ledger that gateways take and give back by themselves, such as of requests that are being answered. Each
 * gateway says how many it has, not by how many that changed: what is lost or told twice does no harm.
 */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';

type PlaceWish = {
  account: string;
  /** In use here; no more than were granted, as long as the lease lasts. */
  used: number;
  /** No fewer. */
  wanted: number;
  limit: number;
};

/** `taken`: by all gateways. */
export type PlaceGrant = { granted: number; taken: number };

export type PlaceLedger = {
  /**
   * Says what a gateway has of these accounts, and renews its lease, `leaseMs` from now. `wasAlive`: false when it had none, or that has
   * lapsed; then it has none of what it does not name here.
   */
  hold(
    gateway: string,
    leaseMs: number,
    wishes: readonly PlaceWish[],
  ): Promise<{ wasAlive: boolean; grants: PlaceGrant[] }>;
};

export function createRedisPlaceLedger({ redis, keys }: { redis: RedisConnection; keys: Keys }): PlaceLedger {
  const { places } = defineScripts(redis, 'places');
  return {
    async hold(gateway, leaseMs, wishes) {
      const args = wishes.flatMap(({ account, used, wanted, limit }) => [account, used, wanted, limit]);
      const [wasAlive, ...numbers] = await tellErrorsApart(
        places([keys.ledger, keys.gateways, keys.places(gateway)], [gateway, leaseMs, ...args]),
      );
      const grants = wishes.map((_, i) => ({
        granted: Number(numbers[2 * i]),
        taken: Number(numbers[2 * i + 1]),
      }));
      return { wasAlive: wasAlive === 1, grants };
    },
  };
}
