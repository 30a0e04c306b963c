/**
 * Whose a key is, and what may be done with it: a gateway says so, which is asked again after a few seconds. So a key that is revoked, or
 * has other scopes, is so here too.
 */
import { createHash } from 'node:crypto';
import type { Scope } from '@cc-executor/identity';

/** `view` looks, `operate` also controls and starts jobs, `admin` does so for all tenants and sees the queue. */
type Role = 'view' | 'operate' | 'admin';

export type Holder = { who: string; tenant: string; role: Role };

/** No gateway says whose a key is. */
export class GatewayAwayError extends Error {
  override readonly name = 'GatewayAwayError';
}

export type KeyCheck = {
  /** Undefined: it lets nobody in. Errors: `GatewayAwayError`, unless a gateway has said it of late. */
  holderOf(key: string): Promise<Holder | undefined>;
  /** Asks again next time. */
  forget(key: string): void;
};

const FRESH_MS = 5_000;
/** So long what was said counts when no gateway answers. */
const STALE_MS = 5 * 60_000;
const MAX_KNOWN = 1_000;
const ANSWER_MS = 5_000;

/** @param options.now in ms, never going back */
export function createKeyCheck({
  gatewayUrl,
  now = () => performance.now(),
}: {
  gatewayUrl: string;
  now?: () => number;
}): KeyCheck {
  /** By digest of the key; the one that was asked about longest ago comes first. */
  const known = new Map<string, { holder: Holder; at: number }>();

  async function ask(key: string): Promise<Holder | undefined> {
    const headers = { authorization: `Bearer ${key}` };
    const signal = AbortSignal.timeout(ANSWER_MS);
    const response = await fetch(new URL('/v1/me', gatewayUrl), { headers, signal }).catch(
      (error: Error) => error,
    );
    const { origin } = new URL(gatewayUrl);
    if (response instanceof Error || response.status >= 500) {
      throw new GatewayAwayError(`No gateway answers at ${origin}.`);
    }
    if (response.status === 401) return undefined;
    // Such as 429: who has asked too much of late is not nobody.
    if (!response.ok) {
      throw new GatewayAwayError(
        `The gateway at ${origin} does not say whose a key is (${response.status}).`,
      );
    }
    const { who, tenant, scopes } = (await response.json()) as {
      who: string;
      tenant: string;
      scopes: Scope[];
    };
    const role = scopes.includes('admin') ? 'admin' : scopes.includes('write') ? 'operate' : 'view';
    return { who, tenant, role };
  }

  return {
    async holderOf(key) {
      const digest = digestOf(key);
      const last = known.get(digest);
      if (last && now() - last.at < FRESH_MS) return last.holder;
      try {
        const holder = await ask(key);
        known.delete(digest);
        if (holder) known.set(digest, { holder, at: now() });
        const [oldest] = known.keys();
        if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
        return holder;
      } catch (error) {
        if (error instanceof GatewayAwayError && last && now() - last.at < STALE_MS) return last.holder;
        throw error;
      }
    },
    forget: (key) => void known.delete(digestOf(key)),
  };
}

function digestOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}
