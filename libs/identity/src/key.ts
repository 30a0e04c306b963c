/**
 * A key from its making to its end. The token that its holder shows is `id.secret`; the secret has 256 random bits, so
 * that a plain digest of it gives nothing away and is quick to compare.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { type Identity, includesScope, type Scope, type Standing } from './identity.ts';
import { type Key, KeyFileError } from './key-file.ts';

const FINGERPRINT_LENGTH = 16;
/** What the secret of an unknown id is compared with: that takes as long as with a known one. */
const NOBODY: Key['secrets'] = [{ sha256: '0'.repeat(64) }];

type Secret = Key['secrets'][number];

/** Who has shown a secret: the same for all connections that come with it, of which there may be many. */
const identities = new WeakMap<Secret, Identity>();

type NewKey = {
  label: string;
  tenant: string;
  scopes: readonly Scope[];
  expiresAt?: number | undefined;
};

/** Makes a key. `token` is shown once: the key has only its digest. */
export function makeKey({ expiresAt, ...asked }: NewKey, now: number): { key: Key; token: string } {
  const id = `key_${randomBytes(8).toString('hex')}`;
  const { token, digest } = drawSecret(id);
  const key = { id, ...asked, scopes: [...asked.scopes], secrets: [{ sha256: digest }], createdAt: now };
  return { key: expiresAt === undefined ? key : { ...key, expiresAt }, token };
}

/**
 * Gives a key another secret; the newest that it had is good for `overlapMs` more.
 *
 * @throws KeyFileError when there is no such key
 */
export function rotateKey(
  keys: readonly Key[],
  id: string,
  { overlapMs, now }: { overlapMs: number; now: number },
): { keys: readonly Key[]; token: string } {
  const { token, digest } = drawSecret(id);
  const rotate = (key: Key): Key => ({
    ...key,
    secrets: [
      { sha256: digest },
      ...key.secrets.slice(0, 1).map(({ sha256 }) => ({ sha256, until: now + overlapMs })),
    ],
  });
  mustHave(keys, id);
  return { keys: keys.map((key) => (key.id === id ? rotate(key) : key)), token };
}

/** Takes a key out. Errors: `KeyFileError` when there is no such key. */
export function revokeKey(keys: readonly Key[], id: string): readonly Key[] {
  mustHave(keys, id);
  return keys.filter((key) => key.id !== id);
}

/** Whose token it is; undefined when it is nobody's, or no longer good. */
export function identifyKey(
  keys: ReadonlyMap<string, Key>,
  token: string,
  now: number,
): Identity | undefined {
  const dot = token.indexOf('.');
  const key = keys.get(token.slice(0, dot));
  const digest = createHash('sha256')
    .update(token.slice(dot + 1))
    .digest();
  let secret: Secret | undefined;
  for (const candidate of key?.secrets ?? NOBODY) {
    if (timingSafeEqual(digest, Buffer.from(candidate.sha256, 'hex'))) secret = candidate;
  }
  if (key === undefined || secret === undefined || isPast(secret.until, now) || isPast(key.expiresAt, now))
    return undefined;
  return identityOf(key, secret);
}

function identityOf({ id, tenant, scopes }: Key, secret: Secret): Identity {
  const known = identities.get(secret);
  if (known) return known;
  const proof = { kind: 'key', id, secret: fingerprintOf(secret) } as const;
  const identity: Identity = { tenant, scopes, who: id, proof };
  identities.set(secret, identity);
  return identity;
}

/** Whether an identity that a key gave still holds, as the key is now. */
export function standingOfKey(keys: ReadonlyMap<string, Key>, identity: Identity, now: number): Standing {
  if (identity.proof.kind !== 'key') return 'revoked';
  const { id, secret: fingerprint } = identity.proof;
  const key = keys.get(id);
  if (key === undefined) return 'revoked';
  const secret = key.secrets.find((candidate) => fingerprintOf(candidate) === fingerprint);
  const isGood = secret !== undefined && !isPast(secret.until, now) && !isPast(key.expiresAt, now);
  // A ticket may have less than its key. Whoever has more than the key has now is to come back as what it says.
  const isCovered = identity.scopes.every((scope) => includesScope(key.scopes, scope));
  // That for one job may be of any tenant, as long as the key sees the jobs of all.
  const isOfTenant =
    key.tenant === identity.tenant || (identity.jobId !== undefined && includesScope(key.scopes, 'admin'));
  return isGood && isCovered && isOfTenant ? 'good' : 'expired';
}

function drawSecret(id: string): { token: string; digest: string } {
  const secret = randomBytes(32).toString('base64url');
  return { token: `${id}.${secret}`, digest: createHash('sha256').update(secret).digest('hex') };
}

function mustHave(keys: readonly Key[], id: string): void {
  if (!keys.some((key) => key.id === id)) throw new KeyFileError(`there is no key ${id}`);
}

function fingerprintOf({ sha256 }: Secret): string {
  return sha256.slice(0, FINGERPRINT_LENGTH);
}

function isPast(time: number | undefined, now: number): boolean {
  return time !== undefined && time <= now;
}
