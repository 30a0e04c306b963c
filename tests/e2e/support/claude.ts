/**
 * Stacks in which prompts with the stand-in model's directives are obeyed: by the real Claude Code, which asks the
 * stand-in model, or by a fixture in its place.
 */
import { accessSync, constants } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claudeEnvironment, type StandInModel, type Stack, startStack, startStandInModel } from '@cc-executor/testing';

/** The real Claude Code, by CLAUDE_BIN or on PATH; undefined when there is none. */
export const realClaude = locate(process.env.CLAUDE_BIN ?? 'claude');

export const NO_CLAUDE = 'the real Claude Code is neither at CLAUDE_BIN nor on PATH';

export type ClaudeStack = Stack & {
  /** What the CLI has for a home: its transcripts are below. */
  home: string;
  model: StandInModel;
};

export type ClaudeKind = 'real' | 'fixture';

/** The kinds there are here; says on standard error when the real one is missing. */
export function claudeKinds(): ClaudeKind[] {
  if (realClaude !== undefined) return ['fixture', 'real'];
  process.stderr.write(`skipped with the real CLI: ${NO_CLAUDE}\n`);
  return ['fixture'];
}

/** Starts a stack whose claude-api runs such a CLI and lets it use Bash unasked. */
export async function startClaudeStack(
  kind: ClaudeKind,
  { claudeEnv = {}, env = {} }: { claudeEnv?: Record<string, string>; env?: Record<string, string> } = {},
): Promise<ClaudeStack> {
  const home = await mkdtemp(join(tmpdir(), 'cc-executor-claude-'));
  const model = await startStandInModel();
  const bin = kind === 'real' ? realClaude : await installFixture(home);
  if (bin === undefined) throw new Error(NO_CLAUDE);
  const stack = await startStack({
    env,
    upstream: {
      env: {
        ...claudeEnvironment({ modelUrl: model.url, home }),
        CLAUDE_ENGINE: 'claude',
        CLAUDE_BIN: bin,
        CLAUDE_ALLOWED_TOOLS: 'Bash',
        ...claudeEnv,
      },
    },
  });
  return {
    ...stack,
    home,
    model,
    async close() {
      await stack.close();
      await model.close();
      await rm(home, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

async function installFixture(folder: string): Promise<string> {
  const file = join(folder, 'claude');
  const fixture = fileURLToPath(new URL('../fixtures/claude.mjs', import.meta.url));
  await writeFile(file, `#!/bin/sh\nexec '${process.execPath}' '${fixture}' "$@"\n`);
  await chmod(file, 0o755);
  return file;
}

function locate(bin: string): string | undefined {
  const places = isAbsolute(bin) ? [bin] : (process.env.PATH ?? '').split(delimiter).map((it) => join(it, bin));
  return places.find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
