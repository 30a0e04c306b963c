/** The settings of how clients prove who they are. */
import { type authSettings, type Config, keysSettings } from '@cc-executor/runtime';

export const identitySettings = { ...keysSettings };

type Given = Partial<Config<typeof identitySettings> & Pick<Config<typeof authSettings>, 'authMode'>>;

/** Says what the mode needs and has not got. */
export function findIdentityFaults({ authMode, keysFile }: Given): string[] {
  return authMode === 'keys' && keysFile === undefined
    ? ['AUTH_MODE=keys needs AUTH_KEYS_FILE; `cc-executor keys make` makes the first key, and the file']
    : [];
}
