/** Who asks, whose jobs those are, and what may be asked: known before a request is read, and never taken from one. */
import { z } from 'zod';
import type { Limits } from './limits.ts';

/** Each includes those before it: `read` looks, `write` also submits and controls, `admin` does so for all tenants, and is the operator's. */
export const scopes = ['read', 'write', 'admin'] as const;

export type Scope = (typeof scopes)[number];

/** A part of Redis keys and of paths: it has no separator of either. */
export const tenantSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/, 'a tenant has 1 to 64 letters, digits, - and _');

/** Whose everything is where nobody is asked who they are. */
const DEFAULT_TENANT = 'default';

/** What an identity rests on, and ends with. */
type Proof =
  | { kind: 'none' }
  /** `secret`: the beginning of its digest, which tells the secrets of one key apart. */
  | { kind: 'key'; id: string; secret: string }
  | { kind: 'jwt'; expiresAt: number };

export type Identity = {
  tenant: string;
  scopes: readonly Scope[];
  /** Who, in logs: the id of a key, or the subject of a token. No secret. */
  who: string;
  /** It sees this job alone. */
  jobId?: string;
  /** Of its tenant, where a token says so itself. */
  limits?: Limits;
  proof: Proof;
};

/** Whether an identity still holds. An expired one may come back with another proof, a revoked one may not. */
export type Standing = 'good' | 'expired' | 'revoked';

/** Of everybody, where nobody is asked. */
export const anybody: Identity = {
  tenant: DEFAULT_TENANT,
  scopes: ['admin'],
  who: 'anybody',
  proof: { kind: 'none' },
};

/** Whether these scopes include that one. */
export function includesScope(held: readonly Scope[], wanted: Scope): boolean {
  return held.some((scope) => scopes.indexOf(scope) >= scopes.indexOf(wanted));
}
