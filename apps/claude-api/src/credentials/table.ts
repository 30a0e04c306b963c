/**
 * The credentials of all tenants in one text: a variable, or a file that is looked at each time somebody asks, and read again
 * when it has changed. One that cannot be read changes nothing: those of the last good one go on, and `fault` says so.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Logger } from '@cc-executor/runtime';
import type { Environment } from '../cli-environment.ts';
import { EntryFault, parseEntries } from './entry.ts';
import type { CredentialStore } from './store.ts';

const OTHERS = 0o077;

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
  let seen = versionOf(path);
  let entries = read(path, salt);
  let fault: string | undefined;

  function look(): void {
    const version = versionOf(path);
    if (version === seen) return;
    seen = version;
    try {
      entries = read(path, salt);
      fault = undefined;
      logger.info({ tenants: entries.size }, 'credentials of tenants were read again');
    } catch (error) {
      fault = (error as Error).message;
      logger.warn({ fault }, 'credentials of tenants cannot be read: those of before go on');
    }
  }

  return {
    async find(tenant) {
      look();
      return entries.get(tenant);
    },
    describe() {
      look();
      return { source: 'file', tenants: entries.size, ...(fault !== undefined && { fault }) };
    },
  };
}

function read(path: string, salt: string) {
  try {
    if ((statSync(path).mode & OTHERS) !== 0) {
      throw new EntryFault(`it can be read or written by others: chmod 600 ${path}`);
    }
    return parseEntries(readFileSync(path, 'utf8'), salt);
  } catch (error) {
    if (error instanceof EntryFault) throw error;
    throw new EntryFault(`it cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** What changes when the file, or its mode, does. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? '' : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
}
