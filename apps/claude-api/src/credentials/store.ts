/**
 * The credentials that tenants have of their own, from where the operator keeps them. They are in the memory of this process, and
 * go from here to the model's proxy alone: no log, answer, metric or error has them.
 */
import { DEFAULT_TENANT } from '@cc-executor/claude-options/tenant-workspace';
import type { TenantCredential } from './entry.ts';
import type { CredentialSource } from './source.ts';

export type CredentialStore = {
  /** The tenant's own; undefined: it has none. Errors: `CredentialsUnavailable`. */
  find(tenant: string): Promise<TenantCredential | undefined>;
  /** What there is, without secrets. */
  describe(): { source: CredentialSource['kind']; tenants?: number; fault?: string };
};

/** What the operator keeps for tenants. */
export type TenantCredentials = {
  readonly store: CredentialStore;
  /** Every tenant but the default one must have its own. */
  readonly isRequired: boolean;
  /** In which they lie, if they do in one: no execution is to see it. */
  readonly folder: string | undefined;
};

/** They cannot be had now; the log says why. */
export class CredentialsUnavailable extends Error {
  override readonly name = 'CredentialsUnavailable';
}

export type CredentialRefusal = {
  readonly statusCode: 403 | 503;
  readonly code: 'credentials_missing' | 'credentials_unavailable';
  readonly message: string;
  readonly retryAfterSeconds?: number;
};

const RETRY_AFTER_SECONDS = 1;

/** With what a tenant's execution asks the model: its own credentials, or, where it has none, those of the service (undefined). */
export async function chooseCredential(
  tenant: string,
  kept: TenantCredentials | undefined,
): Promise<{ credential: TenantCredential | undefined } | CredentialRefusal> {
  try {
    const credential = await kept?.store.find(tenant);
    if (credential !== undefined || !kept?.isRequired || tenant === DEFAULT_TENANT) return { credential };
    const message =
      'This tenant has no credentials for the model, and those of the service are not for it (CLAUDE_CREDENTIALS_REQUIRED)';
    return { statusCode: 403, code: 'credentials_missing', message };
  } catch (error) {
    if (!(error instanceof CredentialsUnavailable)) throw error;
    const message =
      'The credentials of this tenant cannot be had now (CLAUDE_CREDENTIALS): the log of claude-api says why';
    const retryAfterSeconds = RETRY_AFTER_SECONDS;
    return { statusCode: 503, code: 'credentials_unavailable', message, retryAfterSeconds };
  }
}
