/** Me: who asks, as the gateway sees it, how much may be asked for, and how much of each quota is taken. */
import type { Ledger } from '@cc-executor/job-log';
import type { Result } from '@cc-executor/protocol';
import type { Producer } from '@cc-executor/queue';
import { accountsOf, inUnits, placesIn } from '../quotas/accounts.ts';
import type { Crowd } from '../quotas/crowd.ts';
import { type Holder, type HoldersOf, shareOf } from '../quotas/holders.ts';
import type { Ceilings } from './ceilings.ts';
import type { Operation } from './operation.ts';
import { createCeilingsFor, furtherCeilings } from './own-ceilings.ts';

type Quota = Result<'me'>['quotas'][number];

export function createMe({
  ceilings: operators,
  holdersOf,
  ledger,
  producer,
  crowd,
}: {
  ceilings: Ceilings;
  holdersOf: HoldersOf;
  ledger: Ledger;
  producer: Pick<Producer, 'running'>;
  crowd: Pick<Crowd, 'cost'>;
}): Operation<'me'> {
  async function inLedger(holders: readonly Holder[]): Promise<Quota[]> {
    const places = [...placesIn(holders, 'requests'), ...placesIn(holders, 'attachments')];
    const accounts = [...accountsOf(holders, Date.now()), ...places];
    const taken = await ledger.taken(accounts.map(({ account }) => account));
    return accounts.map((account, i) => {
      const { of, name, limit, resetsAt } = account;
      const amounts = { limit: inUnits(account, limit), taken: inUnits(account, taken[i] ?? 0) };
      return { of, name, ...amounts, ...(resetsAt !== undefined && { resetsAt }) };
    });
  }

  async function atWorkers(tenant: string, holders: readonly Holder[]): Promise<Quota[]> {
    const { running: limit } = shareOf(holders);
    if (limit === undefined) return [];
    return [{ of: 'tenant', name: 'running', limit, taken: await producer.running(tenant) }];
  }

  async function spent(holder: Holder): Promise<Quota[]> {
    const { costPerMinute: limit } = holder.limits;
    if (limit === undefined) return [];
    return [{ of: holder.of, name: 'costPerMinute', limit, taken: await crowd.cost(holder) }];
  }

  const ceilingsFor = createCeilingsFor(operators, holdersOf);
  return async ({ identity }) => {
    const { tenant, scopes, who, jobId } = identity;
    const holders = holdersOf(identity);
    const told = await Promise.all([
      inLedger(holders),
      atWorkers(tenant, holders),
      ...holders.map((holder) => spent(holder)),
    ]);
    const quotas = told.flat();
    const own = jobId === undefined ? {} : { jobId };
    const ceilings = { ...ceilingsFor(identity), ...furtherCeilings(holders) };
    return { result: { tenant, scopes: [...scopes], who, ...own, ceilings, quotas } };
  };
}
