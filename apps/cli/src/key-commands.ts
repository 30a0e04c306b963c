/** What `cc-executor keys` does to the file of keys. Errors of all: `UsageError`, with what is wrong with the file. */
import {
  editKeyFile,
  type Key,
  type KeyFile,
  KeyFileError,
  keyLimitsSchema,
  type Limits,
  limitNames,
  limitsSchema,
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
  edit(file, ({ keys, ...others }) => ({ ...others, keys: [...keys, key] }));
  return token;
}

/** @param overlapMs how long the secret of now is good beside the new one */
export function rotateToken(file: string | undefined, id: string, overlapMs: number): string {
  let token = '';
  edit(file, ({ keys, ...others }) => {
    const rotated = rotateKey(keys, id, { overlapMs, now: Date.now() });
    token = rotated.token;
    return { ...others, keys: rotated.keys };
  });
  return token;
}

/** Takes a key out. */
export function endKey(file: string | undefined, id: string): void {
  edit(file, ({ keys, ...others }) => ({ ...others, keys: revokeKey(keys, id) }));
}

/**
 * Limits a key, or a tenant; gives what holds for it now.
 *
 * @param changes `name=value` each; without a value the limit is lifted
 */
export function limitHolder(file: string | undefined, holder: string, changes: readonly string[]): Limits {
  let limits: Limits = {};
  edit(file, ({ keys, tenants = {} }) => {
    const limited = <H extends { limits?: Limits | undefined }>(of: H): H => {
      limits = withChanges(
        of.limits ?? {},
        changes,
        holder.startsWith('key_') ? keyLimitsSchema : limitsSchema,
      );
      return { ...of, limits };
    };
    if (holder.startsWith('key_')) {
      if (!keys.some(({ id }) => id === holder)) throw new KeyFileError(`there is no key ${holder}`);
      return { tenants, keys: keys.map((key) => (key.id === holder ? limited(key) : key)) };
    }
    const tenant = tenantSchema.safeParse(holder);
    if (!tenant.success) throw new UsageError(`${holder}: ${tenant.error.issues[0]?.message}`);
    return { keys, tenants: { ...tenants, [holder]: limited(tenants[holder] ?? {}) } };
  });
  return limits;
}

function withChanges(
  before: Limits,
  changes: readonly string[],
  schema: typeof limitsSchema | typeof keyLimitsSchema,
): Limits {
  const lists: readonly string[] = ['models', 'tools', 'env'];
  const changed = Object.fromEntries(
    changes.map((change) => {
      const [, name = '', value = ''] = /^([^=]+)=(.*)$/.exec(change) ?? [];
      if (!(limitNames as readonly string[]).includes(name)) {
        throw new UsageError(`${change}: expected name=value with one of ${limitNames.join(', ')}`);
      }
      if (value === '') return [name, undefined];
      return [name, lists.includes(name) ? value.split(',') : Number(value)];
    }),
  );
  const parsed = schema.safeParse({ ...before, ...changed });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`${issue?.path.join('.')}: ${issue?.message}`);
}

/** The keys, a line each; of secrets there is nothing. */
export function listKeys(file: string | undefined, isJson: boolean): string {
  const { keys, tenants = {} } = explained(() => readKeyFile(readKeysPath(file)));
  const shown = keys.map(describe);
  if (isJson) return shown.map((key) => `${JSON.stringify(key)}\n`).join('');
  return shown
    .map(({ id, tenant, scopes, label, expiresAt, rotatingUntil, limits }) => {
      const expiry = expiresAt === undefined ? '' : `  until ${expiresAt}`;
      const rotating = rotatingUntil === undefined ? '' : `  (its last secret until ${rotatingUntil})`;
      return `${id}  ${tenant}  ${scopes.join(',')}  ${harmlessOn(process.stdout, label)}${expiry}${rotating}${wordsOf(limits)}\n`;
    })
    .concat(Object.entries(tenants).map(([name, { limits }]) => `tenant ${name}${wordsOf(limits)}\n`))
    .join('');
}

function wordsOf(limits: Limits = {}): string {
  return Object.entries(limits)
    .map(([name, value]) => `  ${name}=${value}`)
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

function edit(file: string | undefined, change: (file: KeyFile) => KeyFile): void {
  explained(() => editKeyFile(readKeysPath(file), change));
}

function explained<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof KeyFileError ? new UsageError(error.message) : error;
  }
}
