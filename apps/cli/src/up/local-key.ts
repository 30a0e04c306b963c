/**
 * The keys of `npm start -- --auth`: a file of them beside Redis's data, and in it one for whoever has started the stack, whose token lies where
 * the command line looks. It outlives the stack, and so do scripts that read it.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { anybody, editKeyFile, makeKey, openKeyring } from '@cc-executor/identity';
import { claimPrivateFolder } from '@cc-executor/runtime';
import { writeWhole } from '../write-whole.ts';

const LABEL = 'npm start';

/** Draws a key unless the one that is kept is good. Errors: `KeyFileError`, `PrivateFolderError`, those of the files. */
export function keepLocalKey({ keysFile, tokenFile }: { keysFile: string; tokenFile: string }): void {
  claimPrivateFolder(dirname(keysFile));
  if (isGood(keysFile, tokenFile)) return;
  // Whose jobs were there before keys were asked for, to whom nothing is forbidden on this machine.
  const { key, token } = makeKey({ label: LABEL, tenant: anybody.tenant, scopes: ['admin'] }, Date.now());
  editKeyFile(keysFile, ({ keys, ...others }) => ({
    ...others,
    keys: [...keys.filter(({ label }) => label !== LABEL), key],
  }));
  writeWhole(tokenFile, `${token}\n`);
}

function isGood(keysFile: string, tokenFile: string): boolean {
  if (!existsSync(keysFile) || !existsSync(tokenFile)) return false;
  const onRead = () => {
    // Looked at once.
  };
  const keyring = openKeyring({ path: keysFile, everyMs: 1_000, onRead });
  const identity = keyring.identify(readFileSync(tokenFile, 'utf8').trim());
  keyring.close();
  return identity?.scopes.includes('admin') === true;
}
