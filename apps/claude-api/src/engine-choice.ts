/** Chooses the engine that the configuration asks for, and its way to the model, once, at the start. */
import { ConfigError, claimPrivateFolder, type Logger, PrivateFolderError } from '@cc-executor/runtime';
import { type ClaudeEngine, createClaudeEngine } from './claude-engine.ts';
import type { Credentials, Environment } from './cli-environment.ts';
import { locateCli } from './cli-location.ts';
import { findLogin } from './cli-login.ts';
import { appName, type ClaudeApiConfig } from './config.ts';
import { findContainment } from './containment.ts';
import { createDemoEngine } from './demo-engine.ts';
import type { Engine } from './engine.ts';
import { isForProxy } from './key-reach.ts';
import { type ModelProxy, startModelProxy } from './model-proxy.ts';
import { chooseProfile } from './policy-choice.ts';

const DEFAULT_BIN = 'claude';

/**
 * Chooses. `auto` falls back to the demo, with a warning, when there is no CLI and none was named.
 *
 * @param environment of this the CLI inherits what it has a use for
 * @param modelProxy as `openModelProxy` gave it
 * @throws ConfigError when executions would run in a folder that is not this user's alone
 */
export function chooseEngine(
  config: ClaudeApiConfig,
  environment: Environment,
  logger: Logger,
  modelProxy?: ModelProxy,
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
  const { kind, detail, gaps } = containment;
  const isExpected = gaps.length === 0 || config.sandbox === 'off';
  logger[isExpected ? 'info' : 'warn']({ containment: kind, gaps }, [detail, ...gaps].join('; '));
  claimWorkDir(config.workDir);
  const bounds = { maxBytes: config.archiveMaxBytes, maxNames: config.filesMax };
  const diffs = { ...config, ...bounds, timeoutMs: config.diffTimeoutMs, keptMs: config.verifiableMs };
  return createClaudeEngine({
    bin,
    containment,
    modelProxy,
    workDir: config.workDir,
    workspacesDir: config.workspacesDir,
    mcpFolder: config.mcpFolder,
    hiddenPaths: config.hiddenPaths,
    stopGraceMs: config.stopGraceMs,
    profile: chooseProfile(config),
    indexLimits: { maxEntries: config.verifiableMax, maxAgeMs: config.verifiableMs },
    credentials: credentialsOf(config),
    environment,
    passEnv: config.passEnv,
    jobDiffs: config.jobDiffs ? diffs : undefined,
    beginnings:
      config.sources.length > 0
        ? { ...bounds, sources: config.sources, timeoutMs: config.sourceTimeoutMs, diffs }
        : undefined,
    logger,
  });
}

/**
 * Starts the proxy that has the credentials in Claude Code's place; undefined where it is not wanted (CLAUDE_SANDBOX=off), or
 * could not serve: Claude Code reads a login of its own, and signs what it asks of a cloud provider.
 */
export async function openModelProxy(
  config: ClaudeApiConfig,
  environment: Environment,
  logger: Logger,
): Promise<ModelProxy | undefined> {
  if (config.sandbox === 'off' || config.engine === 'demo') return undefined;
  const credentials = credentialsOf(config);
  if (!isForProxy(findLogin(environment, credentials, config.restricted).found)) return undefined;
  return startModelProxy({ credentials, environment, logger });
}

function credentialsOf({ apiKey, authToken, oauthToken, baseUrl }: ClaudeApiConfig): Credentials {
  return { apiKey, authToken, oauthToken, baseUrl };
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
