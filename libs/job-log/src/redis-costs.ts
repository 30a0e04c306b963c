/** What requests of tenants and keys cost, counted for all gateways together: an account fills with them, and drains by its limit in a minute. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';

type Payment = {
  /** What is taken of the account now, with all of this. */
  taken: number;
  /** How much of it nobody has asked for yet. */
  ahead: number;
  /** For each cost whether there was room for it; where not, nothing was taken for it. */
  isPaid: boolean[];
};

export type CostLedger = {
  /**
   * Gives back what was taken ahead, takes each of these costs, in their order, as far as `limit` a minute has room, and up to `ahead` more as long as
   * no more than half is taken.
   * One that costs more than there may ever be is paid when nothing is taken.
   */
  pay(
    account: string,
    wish: { limit: number; givenBack: number; ahead: number; costs: readonly number[] },
  ): Promise<Payment>;
};

export function createRedisCostLedger({ redis, keys }: { redis: RedisConnection; keys: Keys }): CostLedger {
  const { pay } = defineScripts(redis, 'pay');
  return {
    async pay(account, { limit, givenBack, ahead, costs }) {
      const [taken, isAhead, ...paid] = await tellErrorsApart(
        pay([keys.cost(account)], [limit, givenBack, ahead, ...costs]),
      );
      return { taken: Number(taken), ahead: Number(isAhead), isPaid: paid.map((one) => one === 1) };
    },
  };
}
