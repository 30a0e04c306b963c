/** The real Claude Code, which the set-up has found or fetched, against a stand-in for the model. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { claudeEnvironment, SHORT_LIVED, type StandInModel, startStandInModel } from '@cc-executor/testing';
import { inject, onTestFinished } from 'vitest';
import type { ClaudeEngineOptions } from '../src/claude-engine.ts';
import { claudeEngine, temporaryFolder } from './harness.ts';

const claude = inject('realClaude');
/** Undefined when there is none. */
export const realCli = 'bin' in claude ? claude.bin : undefined;
/** Why. */
export const MISSING = 'missing' in claude ? claude.missing : '';

export type RealEngine = {
  readonly model: StandInModel;
  readonly home: string;
  readonly engine: ReturnType<typeof claudeEngine>;
};

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
    environment: { ...environment, ...SHORT_LIVED },
    passEnv: Object.keys(SHORT_LIVED),
    stopGraceMs: 3_000,
    ...options,
    credentials: { ...given, baseUrl: model.url },
  });
  return { model, home, engine };
}
