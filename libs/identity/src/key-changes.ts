/** What an operator has changed in a file of keys, for the audit log: names alone. */
import { isDeepStrictEqual } from 'node:util';
import type { Key, KeyFile } from './key-file.ts';

/** Ids of keys, and names of tenants whose limits are others; only what there is. */
export type KeyChanges = {
  made?: string[];
  revoked?: string[];
  /** They have other secrets. */
  rotated?: string[];
  /** Anything else of them is another, such as their scopes or limits. */
  changed?: string[];
  limited?: string[];
};

export function changesOf(before: KeyFile, after: KeyFile): KeyChanges {
  const [had, has] = [byId(before), byId(after)];
  const both = after.keys.filter(({ id }) => had.has(id));
  const differ = (of: (key: Key) => unknown) =>
    both.filter((key) => !isDeepStrictEqual(of(key), of(had.get(key.id) as Key))).map(({ id }) => id);
  const limitsOf = (file: KeyFile, tenant: string) => file.tenants?.[tenant]?.limits ?? {};
  const tenants = [...new Set([before, after].flatMap((file) => Object.keys(file.tenants ?? {})))];
  const all = {
    made: after.keys.filter(({ id }) => !had.has(id)).map(({ id }) => id),
    revoked: before.keys.filter(({ id }) => !has.has(id)).map(({ id }) => id),
    rotated: differ(({ secrets }) => secrets),
    changed: differ(({ secrets: _, ...others }) => others),
    limited: tenants.filter((one) => !isDeepStrictEqual(limitsOf(before, one), limitsOf(after, one))),
  };
  return Object.fromEntries(Object.entries(all).filter(([, names]) => names.length > 0));
}

function byId({ keys }: KeyFile): ReadonlyMap<string, Key> {
  return new Map(keys.map((key) => [key.id, key]));
}
