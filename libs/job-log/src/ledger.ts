/**
 * The ledger: what the jobs of a tenant, or of a key, hold, and what they took of budgets. A job is charged in the step that
 * creates it, and its charges are settled, once, in the step that ends it; its output is counted in the step that writes it, and freed
 * when its record is gone. On a cluster all that is done in steps of the indexes' slot beside these.
 */
import { keepsOrder, type RedisConnection } from '@cc-executor/redis';
import type { Keys } from './keys.ts';

/**
 * What a job takes of an account that has a limit. When it ends `held` gives it back; a budget keeps what the job took instead,
 * and all of it when nobody knows. `kept`: there has to be so much room, and what is counted is the output of the job.
 */
export type Charge = {
  account: string;
  /** Whole; USD in millionths, as in all of the ledger. */
  amount: number;
  limit: number;
  settledBy: 'held' | 'kept' | 'usd' | 'tokens';
};

/** What a job took of budgets, as far as that is known. */
export type Spent = { usd?: number | undefined; tokens?: number | undefined };

export const NOTHING_SPENT: Spent = { usd: 0, tokens: 0 };

/** There is no room for a job in an account. */
export class QuotaExceededError extends Error {
  override readonly name = 'QuotaExceededError';
  readonly charge: Charge;
  /** Of its account, by others. */
  readonly taken: number;

  constructor(charge: Charge, taken: number) {
    super(`${charge.account} has ${taken} of ${charge.limit}`);
    this.charge = charge;
    this.taken = taken;
  }
}

/** For those who tell how much is left. */
export type Ledger = {
  /** What is taken of each of these accounts. */
  taken(accounts: readonly string[]): Promise<number[]>;
  /** When output of a tenant's ended jobs is gone next, Unix ms; undefined when there is none. */
  nextGone(tenant: string): Promise<number | undefined>;
};

/** As the scripts have it. */
export function writeCharges(charges: readonly Charge[]): string {
  if (charges.length === 0) return '';
  return JSON.stringify(
    charges.map(({ account, amount, limit, settledBy }) => [account, amount, limit, settledBy]),
  );
}

/** The accounts that the output of a job with these charges counts in, as the scripts have them. */
export function outputOf(charges: readonly Charge[]): string {
  return charges.flatMap(({ account, settledBy }) => (settledBy === 'kept' ? account : [])).join('\n');
}

/** As the scripts have it. */
export function writeSpent({ usd, tokens }: Spent): string {
  return `${usd === undefined ? '-' : Math.round(usd * 1_000_000)} ${tokens ?? '-'}`;
}

/** What the reply of a script refuses of a job with these charges, if it does. */
export function exceededOf(
  [code, place, taken]: readonly (string | number)[],
  charges: readonly Charge[] = [],
): QuotaExceededError | undefined {
  const charge = code === 'exceeded' ? charges[Number(place) - 1] : undefined;
  return charge && new QuotaExceededError(charge, Number(taken));
}

/** The keys of the ledger for scripts of a job, where they may have them: on a cluster they are on another slot. */
export function ledgerBeside(redis: RedisConnection, keys: Keys): string[] {
  return keepsOrder(redis) ? [keys.ledger, keys.charged] : [];
}
