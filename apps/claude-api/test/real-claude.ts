/** The real Claude Code, found by CLAUDE_BIN or on PATH, against a stand-in for the model. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { claudeEnvironment, type StandInModel, startStandInModel } from '@cc-executor/testing';
import { onTestFinished } from 'vitest';
import type { ClaudeEngineOptions } from '../src/claude-engine.ts';
import { locateCli } from '../src/cli-location.ts';
import { claudeEngine, temporaryFolder } from './harness.ts';

/** Undefined when there is none. */
export const realCli = locateCli(process.env.CLAUDE_BIN ?? 'claude', process.env);
export const MISSING = 'the real Claude Code is neither at CLAUDE_BIN nor on PATH';

export interface RealEngine {
  readonly model: StandInModel;
  readonly home: string;
  readonly engine: ReturnType<typeof claudeEngine>;
}

/** An engine over the real CLI, with a home folder of its own. */
export async function realEngine(options: Partial<ClaudeEngineOptions> = {}): Promise<RealEngine> {
  const model = await startStandInModel();
  onTestFinished(() => model.close());
  const home = join(temporaryFolder(), 'home');
  mkdirSync(home);
  const environment = claudeEnvironment({ modelUrl: model.url, home });
  const { ANTHROPIC_API_KEY: apiKey } = environment;
  const given = options.credentials ?? { apiKey, authToken: undefined, oauthToken: undefined };
  const engine = claudeEngine({
    bin: realCli!,
    environment,
    stopGraceMs: 3_000,
    ...options,
    credentials: { ...given, baseUrl: model.url },
  });
  return { model, home, engine };
}
