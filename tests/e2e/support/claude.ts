/**
 * Stacks in which prompts with the stand-in model's directives are obeyed: by the real Claude Code, which asks the
 * stand-in model, or by a fixture in its place.
 */
import { readdirSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  claudeEnvironment,
  type ModelScript,
  SHORT_LIVED,
  type Stack,
  type StandInModel,
  startStack,
  startStandInModel,
} from '@cc-executor/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, vi } from 'vitest';
import { RESTLESS, watchLeftovers } from './leftovers.ts';
import { executionProcesses } from './processes.ts';

const claude = inject('realClaude');
/** Undefined when there is none. */
const realClaude = 'bin' in claude ? claude.bin : undefined;
/** Why. */
const NO_CLAUDE = 'missing' in claude ? claude.missing : '';

const GONE_WITHIN_MS = 10_000;

export type ClaudeStack = Stack & {
  /** What the CLI has for a home: its transcripts are below. */
  home: string;
  model: StandInModel;
};

export type ClaudeKind = 'real' | 'fixture';

const KINDS: readonly ClaudeKind[] = ['fixture', 'real'];

type Options = {
  claudeEnv?: Record<string, string>;
  env?: Record<string, string>;
  /** What the model does, where the prompt's directives are not to decide. */
  script?: ModelScript;
};

/**
 * A stack for the tests of a suite, which leave nothing behind on it; returns how to get at it. Without the real CLI
 * the tests that want it are skipped, and say so.
 */
export function useClaudeStack(kind: ClaudeKind, options: Options = {}): () => ClaudeStack {
  const isMissing = kind === 'real' && realClaude === undefined;
  let stack: ClaudeStack | undefined;
  let nothingLeft: () => Promise<void>;

  beforeAll(async () => {
    if (isMissing) return;
    stack = await startClaudeStack(kind, { ...options, env: { ...RESTLESS, ...options.env } });
    nothingLeft = watchLeftovers(stack);
  });
  beforeEach(({ skip }) => skip(isMissing, NO_CLAUDE));
  afterAll(async () => {
    if (stack === undefined) return;
    try {
      await nothingLeft();
      await untilNothingRuns(stack);
    } finally {
      await stack.close();
    }
  });

  return () => {
    if (stack === undefined) throw new Error('asked for before the suite began');
    return stack;
  };
}

/** A suite for each kind of CLI, all on one stack, whose CLI is another one from suite to suite. */
export function describeClaudeKinds(
  name: string,
  options: Options,
  suite: (kind: ClaudeKind, stack: () => ClaudeStack) => void,
): void {
  describe(name, () => {
    const stack = useClaudeStack('fixture', options);
    describe.each(KINDS)('with the %s CLI', (kind) => {
      const isMissing = kind === 'real' && realClaude === undefined;
      beforeAll(async () => {
        if (!isMissing) await installCli(kind, stack().home);
      });
      beforeEach(({ skip }) => skip(isMissing, NO_CLAUDE));
      suite(kind, stack);
    });
  });
}

/** A job that was cancelled ends before the processes and the folder of its execution are gone. */
async function untilNothingRuns({ home, claudeApi }: ClaudeStack): Promise<void> {
  const folders = () => readdirSync(join(home, 'work')).filter((name) => name.startsWith('execution-'));
  await vi.waitFor(() => {
    expect(executionProcesses(claudeApi?.pid ?? 0)).toEqual([]);
    expect(folders()).toEqual([]);
  }, GONE_WITHIN_MS);
}

/** Starts a stack whose claude-api runs such a CLI and lets it use Bash unasked. */
export async function startClaudeStack(
  kind: ClaudeKind,
  { claudeEnv = {}, env = {}, script }: Options = {},
): Promise<ClaudeStack> {
  const home = await mkdtemp(join(tmpdir(), 'cc-executor-claude-'));
  const model = await startStandInModel({ ...(script && { script }) });
  const bin = kind === 'real' ? realClaude : await installCli('fixture', home);
  if (bin === undefined) throw new Error(NO_CLAUDE);
  async function cleanUp(): Promise<void> {
    await model.close();
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }

  const claudeApiEnv = {
    ...claudeEnvironment({ modelUrl: model.url, home }),
    ...SHORT_LIVED,
    CLAUDE_PASS_ENV: Object.keys(SHORT_LIVED).join(),
    CLAUDE_ENGINE: 'claude',
    CLAUDE_BIN: bin,
    CLAUDE_ALLOWED_TOOLS: 'Bash',
    CLAUDE_WORK_DIR: join(home, 'work'),
    ...claudeEnv,
  };
  try {
    const stack = await startStack({ env, upstream: { env: claudeApiEnv } });
    return { ...stack, home, model, close: () => stack.close().finally(cleanUp) };
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

/** Makes a script of the CLI, in place of the one that is there. */
async function installCli(kind: ClaudeKind, folder: string): Promise<string> {
  const fixture = fileURLToPath(new URL('../fixtures/claude.mjs', import.meta.url));
  const command = kind === 'real' ? `'${realClaude}'` : `'${process.execPath}' '${fixture}'`;
  const file = join(folder, 'claude');
  await writeFile(`${file}.new`, `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  await rename(`${file}.new`, file);
  return file;
}
