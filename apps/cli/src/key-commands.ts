/** What `cc-executor keys` does to the file of keys. Errors of all: `UsageError`, with what is wrong with the file. */
import {
  editKeyFile,
  type Key,
  KeyFileError,
  makeKey,
  readKeyFile,
  revokeKey,
  rotateKey,
  type Scope,
  tenantSchema,
} from '@cc-executor/identity';
import { readKeysPath } from './config.ts';
import { harmlessOn } from './harmless.ts';
import { UsageError } from './usage-error.ts';

type Asked = { tenant: string; scope: string; label: string; expiresIn?: number };

/** Makes a key; gives its token. */
export function makeToken(file: string | undefined, { tenant, scope, label, expiresIn }: Asked): string {
  const named = tenantSchema.safeParse(tenant);
  if (!named.success) throw new UsageError(`--tenant ${tenant}: ${named.error.issues[0]?.message}`);
  const now = Date.now();
  const expiresAt = expiresIn === undefined ? undefined : now + expiresIn;
  const { key, token } = makeKey({ tenant, label, scopes: [scope as Scope], expiresAt }, now);
  edit(file, (keys) => [...keys, key]);
  return token;
}

/** @param overlapMs how long the secret of now is good beside the new one */
export function rotateToken(file: string | undefined, id: string, overlapMs: number): string {
  let token = '';
  edit(file, (keys) => {
    const rotated = rotateKey(keys, id, { overlapMs, now: Date.now() });
    token = rotated.token;
    return rotated.keys;
  });
  return token;
}

/** Takes a key out. */
export function endKey(file: string | undefined, id: string): void {
  edit(file, (keys) => revokeKey(keys, id));
}

/** The keys, a line each; of secrets there is nothing. */
export function listKeys(file: string | undefined, isJson: boolean): string {
  const shown = explained(() => readKeyFile(readKeysPath(file))).map(describe);
  if (isJson) return shown.map((key) => `${JSON.stringify(key)}\n`).join('');
  return shown
    .map(({ id, tenant, scopes, label, expiresAt, rotatingUntil }) => {
      const expiry = expiresAt === undefined ? '' : `  until ${expiresAt}`;
      const rotating = rotatingUntil === undefined ? '' : `  (its last secret until ${rotatingUntil})`;
      return `${id}  ${tenant}  ${scopes.join(',')}  ${harmlessOn(process.stdout, label)}${expiry}${rotating}\n`;
    })
    .join('');
}

function describe({ secrets, expiresAt, createdAt, ...key }: Key) {
  const until = secrets.find((secret) => secret.until !== undefined)?.until;
  return {
    ...key,
    createdAt: dateOf(createdAt),
    ...(expiresAt !== undefined && { expiresAt: dateOf(expiresAt) }),
    ...(until !== undefined && { rotatingUntil: dateOf(until) }),
  };
}

function dateOf(time: number): string {
  return new Date(time).toISOString();
}

function edit(file: string | undefined, change: Parameters<typeof editKeyFile>[1]): void {
  explained(() => editKeyFile(readKeysPath(file), change));
}

function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof KeyFileError ? new UsageError(error.message) : error;
  }
}
