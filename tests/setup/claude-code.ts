/**
 * Before any test: says which Claude Code the tests run, and fetches the pinned one where there is none.
 * TEST_CLAUDE=off forbids it; without one the tests that want it are skipped, and say why.
 */
import { chooseClaude, type RealClaude } from '@cc-executor/testing';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be merged into that of vitest.
  interface ProvidedContext {
    realClaude: RealClaude;
  }
}

/** Runs once, before all workers. */
export default async function setup(project: TestProject): Promise<void> {
  const { CLAUDE_BIN: bin, PATH: path, TEST_CLAUDE: wanted } = process.env;
  const claude = await chooseClaude({
    bin,
    path,
    mayFetch: wanted !== 'off',
    onFetch: (version, folder) =>
      say(`Fetching Claude Code ${version} with npm (about 175 MB) into ${folder} …`),
  });
  say(
    'bin' in claude
      ? `The tests run Claude Code ${claude.version} (${claude.bin}).`
      : `*** ${claude.missing} ***`,
  );
  project.provide('realClaude', claude);
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
