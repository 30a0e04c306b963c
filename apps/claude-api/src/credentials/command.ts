/**
 * A command that says a tenant's credentials, such as the client of a vault: it finds the tenant in its environment, and prints
 * an entry, or nothing where there is none. Who asks for the same tenant meanwhile waits for the same run; what it said counts
 * for a while, and a failure for nobody else.
 */
import { execFile } from 'node:child_process';
import type { Logger } from '@cc-executor/runtime';
import type { Environment } from '../cli-environment.ts';
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
      const text = await run(command, { ...environment, CC_EXECUTOR_TENANT: tenant });
      return text.trim() === '' ? undefined : parseEntry(parseJson(text), salt);
    } catch (error) {
      known.delete(tenant);
      const reason = error instanceof EntryFault ? `of what it prints, ${error.message}` : whyNot(error);
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

/** What it prints on standard output; what it says otherwise may tell secrets, and goes nowhere. */
function run(command: string, env: Environment): Promise<string> {
  const limits = { timeout: WITHIN_MS, killSignal: 'SIGKILL', maxBuffer: MAX_BYTES } as const;
  return new Promise((resolve, reject) => {
    const child = execFile('/bin/sh', ['-c', command], { env, ...limits }, (error, stdout) =>
      error === null ? resolve(stdout) : reject(error),
    );
    // A command that asks for something gets nothing.
    child.stdin?.end();
  });
}

/** The message of such an error has the command in it. */
function whyNot(error: unknown): string {
  const { code, killed } = error as { code?: string | number | null; killed?: boolean };
  if (typeof code === 'number') return `it ended with the exit code ${code}`;
  if (killed === true && !code) return `it did not end within ${WITHIN_MS} ms`;
  return `it could not be run, or printed too much (${code ?? 'killed'})`;
}
