/** Chooses the engine that the configuration asks for, once, at the start. */
import { ConfigError, claimPrivateFolder, type Logger, PrivateFolderError } from '@cc-executor/runtime';
import { type ClaudeEngine, createClaudeEngine } from './claude-engine.ts';
import type { Environment } from './cli-environment.ts';
import { locateCli } from './cli-location.ts';
import { appName, type ClaudeApiConfig } from './config.ts';
import { findContainment } from './containment.ts';
import { createDemoEngine } from './demo-engine.ts';
import type { Engine } from './engine.ts';
import { chooseProfile } from './policy-choice.ts';

const DEFAULT_BIN = 'claude';

/**
 * Chooses. `auto` falls back to the demo, with a warning, when there is no CLI and none was named.
 *
 * @param environment of this the CLI inherits what it has a use for
 * @throws ConfigError when executions would run in a folder that is not this user's alone
 */
export function chooseEngine(
  config: ClaudeApiConfig,
  environment: Environment,
  logger: Logger,
): Engine & Partial<ClaudeEngine> {
  const { bin = DEFAULT_BIN } = config;
  const mayFallBack = config.engine === 'auto' && config.bin === undefined;
  const found = !mayFallBack || locateCli(bin, environment) !== undefined;
  if (!found) {
    logger.warn(
      { bin },
      'DEMO: Claude Code was not found, so every answer is made up; install it or set CLAUDE_BIN, and start again',
    );
  }
  if (config.engine === 'demo' || !found) return createDemoEngine();
  const containment = findContainment(config.sandbox, environment);
  const isWhole = containment.kind !== 'marker';
  logger[isWhole ? 'info' : 'warn']({ containment: containment.kind }, containment.detail);
  claimWorkDir(config.workDir);
  return createClaudeEngine({
    bin,
    containment,
    workDir: config.workDir,
    workspacesDir: config.workspacesDir,
    stopGraceMs: config.stopGraceMs,
    profile: chooseProfile(config),
    indexLimits: { maxEntries: config.verifiableMax, maxAgeMs: config.verifiableMs },
    credentials: {
      apiKey: config.apiKey,
      authToken: config.authToken,
      oauthToken: config.oauthToken,
      baseUrl: config.baseUrl,
    },
    environment,
    passEnv: config.passEnv,
    logger,
  });
}

function claimWorkDir(folder: string): void {
  try {
    claimPrivateFolder(folder);
  } catch (error) {
    if (!(error instanceof PrivateFolderError)) throw error;
    const wayOut = 'CLAUDE_WORK_DIR names another folder, which is made where there is none';
    throw new ConfigError(appName, [`executions cannot run in ${error.message}; ${wayOut}`]);
  }
}
