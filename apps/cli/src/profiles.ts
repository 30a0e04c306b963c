/**
 * The file of `cc-executor config`: profiles, each with a gateway and a token, and which of them is taken. Only its user may read it,
 * and it is written whole or not at all.
 */
import { readFileSync } from 'node:fs';
import { editDistance } from '@cc-executor/runtime/settings';
import { UsageError } from './usage-error.ts';
import { writeWhole } from './write-whole.ts';

export type Profile = { url?: string; token?: string };

export type ProfileFile = { profile?: string; profiles: Record<string, Profile> };

/** Taken where none is named; it need not be there. */
export const DEFAULT_PROFILE = 'default';

/** Two letters that changed places: the names are short. */
const FAR = 2;

const NAME = /^[\w.-]{1,64}$/;

/** What there is; without a file no profile. Errors: `UsageError`, with what is wrong with it. */
export function readProfiles(path: string): ProfileFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { profiles: {} };
    throw new UsageError(`${path} cannot be read: ${code}`);
  }
  const file = objectOf(parse(path, text), path, ['profile', 'profiles']);
  const profiles = Object.entries(objectOf(file.profiles ?? {}, path)).map(([name, profile]) => {
    return [name, textsOf(objectOf(profile, `${path}, profile ${name}`, ['url', 'token']), path)];
  });
  const { profile } = textsOf({ profile: file.profile }, path);
  return { ...(profile !== undefined && { profile }), profiles: Object.fromEntries(profiles) };
}

/** Errors: `UsageError`. */
export function writeProfiles(path: string, file: ProfileFile): void {
  try {
    writeWhole(path, `${JSON.stringify(file, null, 2)}\n`);
  } catch (error) {
    throw new UsageError(`${path} cannot be written: ${(error as NodeJS.ErrnoException).code}`);
  }
}

/** The profile of this name. Errors: `UsageError` when it is not there, and is not the default. */
export function profileOf({ profiles }: ProfileFile, name: string): Profile {
  const found = Object.hasOwn(profiles, name) ? profiles[name] : undefined;
  if (found !== undefined || name === DEFAULT_PROFILE) return found ?? {};
  throw new UsageError(
    `there is no profile ${name}${didYouMean(name, Object.keys(profiles))}\n  cc-executor config --profile ${name} set url … makes it`,
  );
}

/** Errors: `UsageError`. */
export function checkProfileName(name: string): string {
  if (NAME.test(name) && name !== '__proto__') return name;
  throw new UsageError(`a profile's name has letters, digits, '-', '_' and '.', at most 64: not ${name}`);
}

/** `; did you mean url?`, where something is near. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = known.map((one) => ({ one, distance: editDistance(name, one) }));
  const [nearest] = near.sort((a, b) => a.distance - b.distance);
  return nearest && nearest.distance <= FAR ? `; did you mean ${nearest.one}?` : '';
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${path} is not JSON`);
  }
}

function objectOf(value: unknown, where: string, known?: readonly string[]): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`${where}: there has to be an object`);
  }
  const unknown = known && Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new UsageError(`${where}: there is no setting ${unknown}${didYouMean(unknown, known ?? [])}`);
  }
  return value as Record<string, unknown>;
}

function textsOf(values: Record<string, unknown>, path: string): Record<string, string> {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const wrong = given.find(([, value]) => typeof value !== 'string' || value === '');
  if (wrong !== undefined) throw new UsageError(`${path}: ${wrong[0]} has to be a text`);
  return Object.fromEntries(given) as Record<string, string>;
}
