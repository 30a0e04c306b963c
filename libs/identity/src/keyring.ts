/** The keys that are good now: those of the file, or, while that cannot be read, of the last good one. */
import { openLastGoodFile } from '@cc-executor/runtime/last-good-file';
import type { Identity, Standing } from './identity.ts';
import { identifyKey, standingOfKey } from './key.ts';
import { changesOf, type KeyChanges } from './key-changes.ts';
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
  onRead: (outcome: { keys: number; changes: KeyChanges } | { fault: string }) => void;
}): Keyring {
  const { path, everyMs, onRead } = options;
  const kept = openLastGoodFile({
    path,
    read(from) {
      const file = readKeyFile(from);
      return { file, keys: byId(file) };
    },
    onRead(outcome) {
      if ('fault' in outcome) return onRead(outcome);
      const { file, keys } = outcome.value;
      const changes = changesOf(before, file);
      before = file;
      onRead({ keys: keys.size, changes });
    },
  });
  let before = kept.value().file;

  const timer = setInterval(kept.look, everyMs);
  timer.unref();
  return {
    identify: (token) => identifyKey(kept.value().keys, token, Date.now()),
    standing: (identity) => standingOfKey(kept.value().keys, identity, Date.now()),
    termsOf({ tenant, proof }) {
      const { file, keys } = kept.value();
      return {
        tenant: file.tenants?.[tenant]?.limits ?? {},
        key: proof.kind === 'key' ? keys.get(proof.id)?.limits : undefined,
      };
    },
    fault: kept.fault,
    close: () => clearInterval(timer),
  };
}

function byId({ keys }: KeyFile): ReadonlyMap<string, Key> {
  return new Map(keys.map((key) => [key.id, key]));
}
