/**
 * The keys that are good now: those of the file, read again when it has changed, also when another was renamed to its
 * place. One that cannot be read changes nothing: the keys of the last good one go on, and `fault` says so.
 */
import { statSync } from 'node:fs';
import type { Identity, Standing } from './identity.ts';
import { identifyKey, standingOfKey } from './key.ts';
import { type Key, type KeyFile, readKeyFile } from './key-file.ts';
import type { Terms } from './limits.ts';

export type Keyring = {
  /** Whose token it is; undefined when it is nobody's. */
  identify(token: string): Identity | undefined;
  /** Whether an identity that came of a key still holds. */
  standing(identity: Identity): Standing;
  /** What an identity that came of a key may do, as the file is now. */
  termsOf(identity: Identity): Terms;
  /** Why the file as it is now is not in use. */
  fault(): string | undefined;
  /** Idempotent. */
  close(): void;
};

/**
 * Reads the file and watches it.
 *
 * @param options.everyMs how often it is looked at
 * @param options.onRead called for each good one after the first, and for each fault
 * @throws KeyFileError when the first one is not good
 */
export function openKeyring(options: {
  path: string;
  everyMs: number;
  onRead: (outcome: { keys: number } | { fault: string }) => void;
}): Keyring {
  const { path, everyMs, onRead } = options;
  let seen = versionOf(path);
  let file = readKeyFile(path);
  let keys = byId(file);
  let fault: string | undefined;

  function look(): void {
    const version = versionOf(path);
    if (version === seen) return;
    seen = version;
    try {
      file = readKeyFile(path);
      keys = byId(file);
      fault = undefined;
      onRead({ keys: keys.size });
    } catch (error) {
      fault = (error as Error).message;
      onRead({ fault });
    }
  }

  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    identify: (token) => identifyKey(keys, token, Date.now()),
    standing: (identity) => standingOfKey(keys, identity, Date.now()),
    termsOf: ({ tenant, proof }) => ({
      tenant: file.tenants?.[tenant]?.limits ?? {},
      key: proof.kind === 'key' ? keys.get(proof.id)?.limits : undefined,
    }),
    fault: () => fault,
    close: () => clearInterval(timer),
  };
}

function byId({ keys }: KeyFile): ReadonlyMap<string, Key> {
  return new Map(keys.map((key) => [key.id, key]));
}

/** What changes when the file, or its mode, does. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined
    ? 'missing'
    : [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':');
}
