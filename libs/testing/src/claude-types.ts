/**
 * The types of the lines that Claude Code prints, as tools/claude-types pins them: npm fetches them into that folder. They
 * may be used, but not be copied into this repository.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findPrograms, takeLock } from '@cc-executor/local-redis';
import { firstLine } from './real-claude.ts';

const INSTALL_MS = 2 * 60_000;

const folder = fileURLToPath(new URL('../../../tools/claude-types', import.meta.url));
const root = fileURLToPath(new URL('../../..', import.meta.url));
const installed = join(folder, 'node_modules/@anthropic-ai/claude-agent-sdk');

export type ClaudeTypes = { file: string; claudeCodeVersion: string } | { missing: string };

/** Finds them, or fetches them if that is allowed. Never rejects: it says why there are none. */
export async function findClaudeTypes(mayFetch: boolean): Promise<ClaudeTypes> {
  try {
    const release = await takeLock(await lockFile(), { waitMs: INSTALL_MS });
    try {
      const { devDependencies } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
      const pinned: string = devDependencies['@anthropic-ai/claude-agent-sdk'];
      const there = await readManifest().catch(() => undefined);
      if (there?.version === pinned) return describe(there);
      if (!mayFetch) return { missing: 'the types of Claude Code may not be fetched (TEST_CLAUDE)' };
      const [npm] = findPrograms(['npm'], process.env.PATH);
      if (npm === undefined)
        return { missing: 'the types of Claude Code are not there, and no npm is on PATH' };
      const args = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
      await promisify(execFile)(npm, args, { cwd: folder, timeout: INSTALL_MS });
      return describe(await readManifest());
    } finally {
      release();
    }
  } catch (error) {
    return { missing: `the types of Claude Code could not be fetched: ${firstLine(error)}` };
  }
}

type Manifest = { version: string; claudeCodeVersion: string };

async function readManifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as Manifest;
}

function describe({ claudeCodeVersion }: Manifest): ClaudeTypes {
  return { file: join(installed, 'sdk.d.ts'), claudeCodeVersion };
}

/** Not in the folder that npm deletes first. */
async function lockFile(): Promise<string> {
  await mkdir(join(root, '.cache'), { recursive: true });
  return join(root, '.cache/claude-types.lock');
}
