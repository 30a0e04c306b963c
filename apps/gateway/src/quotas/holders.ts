/** Under whose limits an identity is: those of its tenant, and its own. */
import type { Identity, Limits } from '@cc-executor/identity';
import type { Authenticator } from '../identity/authenticator.ts';
import type { Quotas } from './settings.ts';

export type Holder = {
  of: 'tenant' | 'key';
  /** By which the ledger knows it: a key by its id, for whichever tenant it acts. No two holders have the same: a tenant's name has no slash. */
  account: string;
  limits: Limits;
};

export type HoldersOf = (identity: Identity) => readonly Holder[];

/** @param quotas of tenants for which nothing else is said */
export function createHolders(authenticator: Pick<Authenticator, 'termsOf'>, quotas: Quotas): HoldersOf {
  return (identity) => {
    const { tenant, key } = authenticator.termsOf(identity);
    const holder: Holder = { of: 'tenant', account: identity.tenant, limits: { ...quotas, ...tenant } };
    if (key === undefined) return [holder];
    return [holder, { of: 'key', account: `/${identity.who}`, limits: key }];
  };
}

/** How the jobs of a tenant share workers with those of others. */
export function shareOf(holders: readonly Holder[]): Pick<Limits, 'weight' | 'running'> {
  const { weight, running } = holders.find(({ of }) => of === 'tenant')?.limits ?? {};
  return { weight, running };
}
