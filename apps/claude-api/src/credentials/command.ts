/**
 * A command that says a tenant's credentials, such as the client of a vault: it finds the tenant in its environment, and prints
 * an entry, or nothing where there is none. Who asks for the same tenant meanwhile waits for the same run; what it said counts
 * for a while, and a failure for nobody else.
 */
import type { Logger } from '@cc-executor/runtime';
import type { Environment } from '../cli-environment.ts';
import { ProgramFault, readOutput } from '../program-output.ts';
import { EntryFault, parseEntry, parseJson, type TenantCredential } from './entry.ts';
import { type CredentialStore, CredentialsUnavailable } from './store.ts';

const WITHIN_MS = 10_000;
const MAX_BYTES = 64 * 1024;
/** Of so many tenants it is remembered what was said. */
const MAX_TENANTS = 1_000;

type Said = { readonly until: number; readonly credential: Promise<TenantCredential | undefined> };

/** @param options.maxAgeMs how long what it said counts */
export function openCommand(
  command: string,
  options: { environment: Environment; salt: string; maxAgeMs: number; logger: Logger },
): CredentialStore {
  const { environment, salt, maxAgeMs, logger } = options;
  const known = new Map<string, Said>();

  async function ask(tenant: string): Promise<TenantCredential | undefined> {
    try {
      const env = { ...environment, CC_EXECUTOR_TENANT: tenant };
      // What it says otherwise may tell secrets, and goes nowhere.
      const text = await readOutput(['/bin/sh', '-c', command], {
        env,
        withinMs: WITHIN_MS,
        maxBytes: MAX_BYTES,
      });
      return text.trim() === '' ? undefined : parseEntry(parseJson(text), salt);
    } catch (error) {
      known.delete(tenant);
      const reason = whyNot(error);
      logger.warn({ tenant, reason }, 'the command for credentials of tenants failed');
      throw new CredentialsUnavailable();
    }
  }

  return {
    find(tenant) {
      const said = known.get(tenant);
      if (said !== undefined && performance.now() < said.until) return said.credential;
      const credential = ask(tenant);
      known.delete(tenant);
      known.set(tenant, { until: performance.now() + maxAgeMs, credential });
      const [oldest] = known.keys();
      if (known.size > MAX_TENANTS && oldest !== undefined) known.delete(oldest);
      return credential;
    },
    describe: () => ({ source: 'command' }),
  };
}

function whyNot(error: unknown): string {
  if (error instanceof EntryFault) return `of what it prints, ${error.message}`;
  return error instanceof ProgramFault ? error.message : 'for a reason that is not known';
}
