/** What requests of tenants and keys cost, counted for all gateways together: an account fills with them, and drains by its limit in a minute. */
import { type RedisConnection, tellErrorsApart } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { defineScripts } from './scripts.ts';

type CostWish = {
  account: string;
  /** In a minute. */
  limit: number;
  /** Of what was taken ahead before. */
  givenBack: number;
  /** How much to take ahead, as long as no more than half is taken. */
  ahead: number;
  costs: readonly number[];
};

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
   * In one step, of each account: gives back, takes each of the costs, in their order, as far as there is room, and then something ahead. One that costs
   * more than there may ever be is paid when nothing is taken.
   */
  pay(wishes: readonly CostWish[]): Promise<Payment[]>;
};

export function createRedisCostLedger({ redis, keys }: { redis: RedisConnection; keys: Keys }): CostLedger {
  const { pay } = defineScripts(redis, 'pay');
  return {
    async pay(wishes) {
      const args = wishes.flatMap(({ limit, givenBack, ahead, costs }) => [
        ...[limit, givenBack, ahead, costs.length],
        ...costs,
      ]);
      const accounts = wishes.map(({ account }) => keys.cost(account));
      const reply = (await tellErrorsApart(pay(accounts, args))).values();
      const next = () => Number(reply.next().value);
      return wishes.map(({ costs }) => {
        const [taken, ahead] = [next(), next()];
        return { taken, ahead, isPaid: costs.map(() => next() === 1) };
      });
    },
  };
}
