/** Chooses the engine that the configuration asks for, and its way to the model, once, at the start. */
import { dirname } from 'node:path';
import { ConfigError, claimPrivateFolder, type Logger, PrivateFolderError } from '@cc-executor/runtime';
import { type ClaudeEngine, createClaudeEngine } from './claude-engine.ts';
import type { Credentials, Environment } from './cli-environment.ts';
import { locateCli } from './cli-location.ts';
import { findLogin } from './cli-login.ts';
import { appName, type ClaudeApiConfig } from './config.ts';
import { findContainment } from './containment.ts';
import { openCredentialStore } from './credentials/open.ts';
import type { TenantCredentials } from './credentials/store.ts';
import { createDemoEngine } from './demo-engine.ts';
import type { Engine } from './engine.ts';
import { isForProxy } from './key-reach.ts';
import { type ModelProxy, startModelProxy } from './model-proxy.ts';
import { chooseProfile } from './policy-choice.ts';
import { digestOfToken } from './token-check.ts';

const DEFAULT_BIN = 'claude';

/**
 * Chooses. `auto` falls back to the demo, with a warning, when there is no CLI and none was named.
 *
 * @param environment of this the CLI inherits what it has a use for
 * @param ways to the model, as `openWays` gave them
 * @throws ConfigError when executions would run in a folder that is not this user's alone
 */
export function chooseEngine(
  config: ClaudeApiConfig,
  environment: Environment,
  logger: Logger,
  { modelProxy, tenantCredentials }: Partial<ModelWays> = {},
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
    tenantCredentials,
    workDir: config.workDir,
    workspacesDir: config.workspacesDir,
    mcpFolder: config.mcpFolder,
    hiddenPaths: config.hiddenPaths,
    stopGraceMs: config.stopGraceMs,
    profile: chooseProfile(config),
    indexLimits: { maxEntries: config.verifiableMax, maxAgeMs: config.verifiableMs },
    credentials: credentialsOf(config),
    environment: withoutCredentials(environment, config),
    passEnv: config.passEnv,
    jobDiffs: config.jobDiffs ? diffs : undefined,
    beginnings:
      config.sources.length > 0
        ? { ...bounds, sources: config.sources, timeoutMs: config.sourceTimeoutMs, diffs }
        : undefined,
    logger,
  });
}

export type ModelWays = {
  /** Undefined: executions find the way themselves. */
  readonly modelProxy: ModelProxy | undefined;
  readonly tenantCredentials: TenantCredentials | undefined;
};

/**
 * Opens the ways to the model that lead through this service: tenants' own credentials, and the proxy that has credentials in
 * Claude Code's place. There is none where it is not wanted (CLAUDE_SANDBOX=off), or could not serve: Claude Code reads a login
 * of its own, and signs what it asks of a cloud provider. Errors: `ConfigError`.
 */
export async function openWays(
  config: ClaudeApiConfig,
  environment: Environment,
  logger: Logger,
): Promise<ModelWays> {
  if (config.sandbox === 'off' || config.engine === 'demo') {
    return { modelProxy: undefined, tenantCredentials: undefined };
  }
  const tenantCredentials = openTenantCredentials(config, environment, logger);
  const credentials = credentialsOf(config);
  const servesOwn = isForProxy(findLogin(environment, credentials, config.restricted).found);
  if (!servesOwn && tenantCredentials === undefined) return { modelProxy: undefined, tenantCredentials };
  const { baseUrl } = credentials;
  const own = servesOwn ? credentials : undefined;
  const modelProxy = await startModelProxy({ credentials: own, baseUrl, environment, logger });
  return { modelProxy, tenantCredentials };
}

function openTenantCredentials(
  config: ClaudeApiConfig,
  environment: Environment,
  logger: Logger,
): TenantCredentials | undefined {
  const { credentials: source, credentialsRequired: isRequired, credentialsMaxAgeMs: maxAgeMs } = config;
  if (source === undefined) return undefined;
  const { claudeApiToken, claudeApiTokenSha256 = '' } = config;
  const salt = claudeApiToken === undefined ? claudeApiTokenSha256 : digestOfToken(claudeApiToken);
  const store = openCredentialStore(source, { app: appName, environment, salt, maxAgeMs, logger });
  return { store, isRequired, folder: source.kind === 'file' ? dirname(source.value) : undefined };
}

/** Claude Code would inherit them, were they in a variable that it knows. */
function withoutCredentials(environment: Environment, { credentials }: ClaudeApiConfig): Environment {
  return credentials?.kind === 'env' ? { ...environment, [credentials.value]: undefined } : environment;
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
