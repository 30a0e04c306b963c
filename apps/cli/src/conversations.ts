/**
 * The last conversation of each folder with each gateway, for `run --continue`. A small file each, written whole or not at all: commands
 * in other folders run at the same time.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conversationsFolder, readProfileName, readUrl } from './config.ts';
import { writeWhole } from './write-whole.ts';

/** Where it was had: another folder, gateway or profile has another last conversation. */
export type Place = { directory: string; url: string; profile: string };

/** This folder. Errors: `UsageError`, `ConfigError`. */
export function placeOf(urlOption: string | undefined): Place {
  return { directory: process.cwd(), url: readUrl(urlOption), profile: readProfileName().value };
}

/** Where it cannot be kept it is forgotten: a job has ended, and that counts. */
export function rememberConversation(place: Place, conversation: string): void {
  try {
    writeWhole(fileOf(place), `${JSON.stringify({ ...place, conversation })}\n`);
  } catch {
    // As above.
  }
}

/** Its id; undefined when none is known. */
export function lastConversation(place: Place): string | undefined {
  try {
    const { conversation } = JSON.parse(readFileSync(fileOf(place), 'utf8'));
    return typeof conversation === 'string' ? conversation : undefined;
  } catch {
    return undefined;
  }
}

function fileOf({ directory, url, profile }: Place): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([directory, url, profile]))
    .digest('hex');
  return join(conversationsFolder(), `${digest.slice(0, 32)}.json`);
}
