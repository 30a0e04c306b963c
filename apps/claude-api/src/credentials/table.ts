/** The credentials of all tenants in one text: a variable, or a file, which is looked at each time somebody asks. */
import { readFileSync } from 'node:fs';
import type { Logger } from '@cc-executor/runtime';
import { openLastGoodFile } from '@cc-executor/runtime/last-good-file';
import { whyNotPrivate } from '@cc-executor/runtime/private-file';
import type { Environment } from '../cli-environment.ts';
import { EntryFault, parseEntries } from './entry.ts';
import type { CredentialStore } from './store.ts';

/** Errors: `EntryFault`. */
export function openVariable(name: string, environment: Environment, salt: string): CredentialStore {
  const text = environment[name];
  if (!text) throw new EntryFault('it is not set');
  const entries = parseEntries(text, salt);
  return {
    find: async (tenant) => entries.get(tenant),
    describe: () => ({ source: 'env', tenants: entries.size }),
  };
}

/** Errors: `EntryFault`, when the first one is not good. */
export function openFile(path: string, salt: string, logger: Logger): CredentialStore {
  const kept = openLastGoodFile({
    path,
    read: (from) => read(from, salt),
    onRead(outcome) {
      if ('fault' in outcome) {
        logger.warn(outcome, 'credentials of tenants cannot be read: those of before go on');
      } else logger.info({ tenants: outcome.value.size }, 'credentials of tenants were read again');
    },
  });

  return {
    async find(tenant) {
      kept.look();
      return kept.value().get(tenant);
    },
    describe() {
      kept.look();
      const fault = kept.fault();
      return { source: 'file', tenants: kept.value().size, ...(fault !== undefined && { fault }) };
    },
  };
}

function read(path: string, salt: string) {
  try {
    const why = whyNotPrivate(path);
    if (why !== undefined) throw new EntryFault(`it ${why}`);
    return parseEntries(readFileSync(path, 'utf8'), salt);
  } catch (error) {
    if (error instanceof EntryFault) throw error;
    throw new EntryFault(`it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
