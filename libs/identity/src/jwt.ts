/**
 * Tokens that somebody else has signed (JWT): checked against the keys of their issuer, which are read again when a new one
 * turns up, but not more often than a limit. What is not provably good is nobody's.
 */
import { readFileSync, statSync } from 'node:fs';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { type Identity, type Scope, type Standing, scopes, tenantSchema } from './identity.ts';
import { limitsSchema, type Terms } from './limits.ts';

/** How far the clocks of issuer and gateway may be apart where a token is not good yet, in ms. */
const LEEWAY_MS = 30_000;
/** The same where it has expired: what it has opened is to be closed soon afterwards. */
const EXPIRY_LEEWAY_MS = 2_000;
const FETCH_MS = 5_000;
/** An unknown key makes the keys be fetched again, but only after so long; a known one is trusted for so long, in ms. */
const COOLDOWN_MS = 30_000;
const MAX_AGE_MS = 10 * 60_000;

export type JwtOptions = {
  /** The https (or loopback http) address, or the file, of the issuer's keys. */
  jwks: string;
  issuer: string;
  audience: string;
  algorithms: readonly string[];
  /** Names of the claims. Scopes are words with blanks between them, or a list. */
  tenantClaim: string;
  scopeClaim: string;
  /** What the tenant may do: an object, as of a tenant in a file of keys. */
  limitsClaim: string;
};

/** The issuer's keys cannot be read: it is not known whose a token is. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

/** Checks tokens. `identify` errors: `IssuerUnavailableError`. */
export function createJwtCheck(options: JwtOptions): {
  identify(token: string): Promise<Identity | undefined>;
  standing(identity: Identity): Standing;
  termsOf(identity: Identity): Terms;
} {
  const { issuer, audience, algorithms, tenantClaim, scopeClaim, limitsClaim } = options;
  const getKey = keysAt(options.jwks);
  const rules = {
    issuer,
    audience,
    algorithms: [...algorithms],
    clockTolerance: LEEWAY_MS / 1_000,
    requiredClaims: ['exp', 'iss', 'aud'],
  };

  function read(payload: JWTPayload): Identity | undefined {
    const tenant = tenantSchema.safeParse(payload[tenantClaim]);
    const claimed = payload[scopeClaim];
    const words: unknown[] =
      typeof claimed === 'string' ? claimed.split(' ') : Array.isArray(claimed) ? claimed : [];
    const held = scopes.filter((scope: Scope) => words.includes(scope));
    // Limits that cannot be read would be none.
    const limits = limitsSchema.optional().safeParse(payload[limitsClaim]);
    if (!tenant.success || held.length === 0 || payload.exp === undefined || !limits.success)
      return undefined;
    const who = (payload.sub ?? 'no subject').slice(0, 128);
    return {
      ...{ tenant: tenant.data, scopes: held, who, proof: { kind: 'jwt', expiresAt: payload.exp * 1_000 } },
      ...(limits.data && { limits: limits.data }),
    };
  }

  function standing({ proof }: Identity): Standing {
    return proof.kind === 'jwt' && Date.now() < proof.expiresAt + EXPIRY_LEEWAY_MS ? 'good' : 'expired';
  }

  return {
    async identify(token) {
      try {
        const identity = read((await jwtVerify(token, getKey, rules)).payload);
        return identity && standing(identity) === 'good' ? identity : undefined;
      } catch (error) {
        if (isOfToken(error)) return undefined;
        throw new IssuerUnavailableError((error as Error).message);
      }
    },
    standing,
    termsOf: ({ limits = {} }) => ({ tenant: limits }),
  };
}

/** Whether the token is what is wrong. */
function isOfToken(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return false;
  return !(
    error instanceof errors.JWKSTimeout ||
    error instanceof errors.JWKSInvalid ||
    error.code === 'ERR_JOSE_GENERIC'
  );
}

function keysAt(jwks: string): JWTVerifyGetKey {
  if (!/^https?:/.test(jwks)) return keysInFile(jwks);
  return createRemoteJWKSet(new URL(jwks), {
    timeoutDuration: FETCH_MS,
    cooldownDuration: COOLDOWN_MS,
    cacheMaxAge: MAX_AGE_MS,
  });
}

/** Read when it has changed. */
function keysInFile(path: string): JWTVerifyGetKey {
  let seen = 0n;
  let keys: ReturnType<typeof createLocalJWKSet> | undefined;
  return (...token) => {
    const { mtimeNs } = statSync(path, { bigint: true });
    if (keys === undefined || mtimeNs !== seen) {
      keys = createLocalJWKSet(JSON.parse(readFileSync(path, 'utf8')));
      seen = mtimeNs;
    }
    return keys(...token);
  };
}
