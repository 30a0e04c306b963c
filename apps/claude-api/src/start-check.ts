/** What must hold between settings, and between them and the machine, for claude-api to start. */
import { spawnSync } from 'node:child_process';
import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { ConfigError, loadConfig } from '@cc-executor/runtime';
import { buildCliEnvironment, type Environment } from './cli-environment.ts';
import { locateCli } from './cli-location.ts';
import { appName, type ClaudeApiConfig, rules, settings } from './config.ts';
import { findContainment } from './containment.ts';
import { toolOf } from './policy.ts';
import { offeredTools } from './policy-choice.ts';

/** A cold start is slow. */
const VERSION_WITHIN_MS = 60_000;

/**
 * Reads the configuration from the variables.
 *
 * @throws ConfigError with every fault; a CLI that was named but cannot be run is one
 */
export function readConfiguration(env: Environment): ClaudeApiConfig {
  const config = loadConfig(appName, settings, env, rules);
  const faults: string[] = [];
  const { bin, model, models, permissionMode, permissionModes, allowedTools } = config;
  if (bin !== undefined && config.engine !== 'demo') {
    const reason = whyNotRunnable(bin, buildCliEnvironment(env, {}, config.passEnv));
    if (reason !== undefined) faults.push(`CLAUDE_BIN cannot be run (${reason}); got ${JSON.stringify(bin)}`);
  }
  if (config.sandbox === 'on' && config.engine !== 'demo') {
    const { detail, gaps } = findContainment('on', env);
    if (gaps.length > 0) {
      faults.push(`CLAUDE_SANDBOX is on, but here is no more than ${detail}: ${gaps.join('; ')}`);
    }
  }
  if (config.baseUrl !== undefined && !URL.canParse(config.baseUrl)) {
    faults.push(`ANTHROPIC_BASE_URL is not a URL; got ${JSON.stringify(config.baseUrl)}`);
  }
  if (model !== undefined && models.length > 0 && !models.includes(model)) {
    faults.push(`CLAUDE_MODEL is not one of CLAUDE_MODELS; got ${JSON.stringify(model)}`);
  }
  if (!permissionModes.includes(permissionMode)) {
    faults.push(
      `CLAUDE_PERMISSION_MODE is not one of CLAUDE_PERMISSION_MODES; got ${JSON.stringify(permissionMode)}`,
    );
  }
  if (config.restricted && permissionModes.includes('bypassPermissions')) {
    faults.push('CLAUDE_PERMISSION_MODES holds bypassPermissions, which needs CLAUDE_RESTRICTED=false');
  }
  const { credentials } = config;
  if (credentials?.kind === 'file' && ['/', env.HOME ?? homedir()].includes(dirname(credentials.value))) {
    faults.push(
      `CLAUDE_CREDENTIALS names a file in ${dirname(credentials.value)}, which executions need; expected a folder of its own`,
    );
  }
  const offered = offeredTools(config);
  for (const tool of allowedTools.map(toolOf)) {
    if (offered === undefined || offered.includes(tool) || tool.startsWith('mcp__')) continue;
    faults.push(`CLAUDE_ALLOWED_TOOLS holds ${tool}, which CLAUDE_TOOLS does not offer`);
  }
  if (faults.length > 0) throw new ConfigError(appName, faults);
  return config;
}

function whyNotRunnable(bin: string, env: Environment): string | undefined {
  const file = locateCli(bin, env);
  if (file === undefined) return 'there is no such program';
  const { error } = spawnSync(file, ['--version'], {
    env: { ...env },
    stdio: 'ignore',
    timeout: VERSION_WITHIN_MS,
  });
  return error === undefined ? undefined : ((error as NodeJS.ErrnoException).code ?? error.message);
}
