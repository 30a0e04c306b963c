/** What `cc-executor config` does to the file of profiles. Errors of all: `UsageError`, with what is wrong with the file or the key. */
import {
  completeUrl,
  configFile,
  type Found,
  findToken,
  findUrl,
  readProfileName,
  readUrl,
} from './config.ts';
import {
  checkProfileName,
  didYouMean,
  type ProfileFile,
  profileOf,
  readProfiles,
  writeProfiles,
} from './profiles.ts';
import { UsageError } from './usage-error.ts';

const KEYS = ['url', 'token', 'profile'] as const;
type Key = (typeof KEYS)[number];

/** As much of a token as is ever shown; of a short one nothing. */
const SHOWN_OF_TOKEN = 4;
const LONG_TOKEN = 16;

/** What holds now, whichever says so; undefined when nothing does. */
export function getSetting(key: string): string | undefined {
  return findSetting(checkKey(key))?.value;
}

/** Each setting, as it holds, and what says so. */
export function listSettings(): string[] {
  return KEYS.map((key) => {
    const found = findSetting(key);
    return `${key.padEnd(9)}${found === undefined ? '-' : `${found.value}  (${originOf(key, found)})`}`;
  });
}

/** Sets it in the profile that holds, which is made when it is not there; `profile` chooses one for all commands. */
export function setSetting(key: string, value: string): void {
  const known = checkKey(key);
  if (value === '')
    throw new UsageError(`${known}: there is no value; cc-executor config unset ${known} takes it away`);
  if (known === 'url') completeUrl(value);
  edit(known, value);
}

/** Takes it out of the profile that holds. */
export function unsetSetting(key: string): void {
  edit(checkKey(key), undefined);
}

function edit(key: Key, value: string | undefined): void {
  const path = configFile();
  const file = readProfiles(path);
  writeProfiles(path, key === 'profile' ? withChoice(file, value) : withSetting(file, key, value));
}

function withChoice({ profiles }: ProfileFile, name: string | undefined): ProfileFile {
  if (name === undefined) return { profiles };
  profileOf({ profiles }, name);
  return { profile: name, profiles };
}

function withSetting(file: ProfileFile, key: 'url' | 'token', value: string | undefined): ProfileFile {
  const name = checkProfileName(readProfileName().value);
  const { [key]: _before, ...others } = file.profiles[name] ?? {};
  const profile = { ...others, ...(value !== undefined && { [key]: value }) };
  return { ...file, profiles: { ...file.profiles, [name]: profile } };
}

function findSetting(key: Key): Found | undefined {
  if (key === 'profile') return readProfileName();
  if (key === 'url') return findUrl();
  const token = findToken(readUrl(undefined));
  return token && { ...token, value: maskToken(token.value) };
}

function maskToken(token: string): string {
  return token.length < LONG_TOKEN ? '…' : `${token.slice(0, SHOWN_OF_TOKEN)}…`;
}

function originOf(key: Key, { origin }: Found): string {
  if (origin === 'stack') return 'npm start -- --auth';
  if (origin !== 'profile') return origin;
  return key === 'profile' ? 'config set profile' : `profile ${readProfileName().value}`;
}

function checkKey(key: string): Key {
  const known = KEYS.find((name) => name === key);
  if (known !== undefined) return known;
  throw new UsageError(
    `there is no setting ${key}${didYouMean(key, KEYS)}\n  The settings are ${KEYS.join(', ')}.`,
  );
}
