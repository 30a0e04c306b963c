/**
 * Claude Code's configuration folder: its login, settings and transcripts. It runs without being able to write there, and
 * says nothing of what is lost.
 */
import { accessSync, constants } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Environment } from './cli-environment.ts';

/** Where it is. */
export function configFolderOf(env: Environment): string {
  return env.CLAUDE_CONFIG_DIR ?? join(env.HOME ?? homedir(), '.claude');
}

/** What is lost because of how it is. It need not exist: Claude Code makes it. */
export function warningsOf(folder: string): string[] {
  const code = whyNotWritable(folder);
  if (code === undefined) return [];
  return [
    `Claude Code cannot write to its configuration folder ${folder} (${code}): no conversation can be continued or verified, and no login renewed`,
  ];
}

/** The system's code for why it cannot be written to, or made. */
function whyNotWritable(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const parent = dirname(path);
    return code === 'ENOENT' && parent !== path ? whyNotWritable(parent) : code;
  }
}
