/** Chooses the engine that the configuration asks for, once, at the start. */
import type { Logger } from '@cc-executor/runtime';
import { createClaudeEngine } from './claude-engine.ts';
import type { Environment } from './cli-environment.ts';
import { locateCli } from './cli-location.ts';
import type { ClaudeApiConfig } from './config.ts';
import { createDemoEngine } from './demo-engine.ts';
import type { Engine } from './engine.ts';

/**
 * Chooses. `auto` falls back to the demo, with a warning, when there is no CLI.
 *
 * @param environment what the CLI inherits
 */
export function chooseEngine(config: ClaudeApiConfig, environment: Environment, logger: Logger): Engine {
  const found = config.engine === 'auto' ? locateCli(config.bin, environment) !== undefined : true;
  if (!found) {
    logger.warn(
      { bin: config.bin },
      'DEMO: Claude Code was not found, so every answer is made up; install it or set CLAUDE_BIN, and start again',
    );
  }
  if (config.engine === 'demo' || !found) return createDemoEngine();
  return createClaudeEngine({
    bin: config.bin,
    workDir: config.workDir,
    stopGraceMs: config.stopGraceMs,
    defaults: { permissionMode: config.permissionMode, allowedTools: config.allowedTools },
    credentials: {
      apiKey: config.apiKey,
      authToken: config.authToken,
      oauthToken: config.oauthToken,
      baseUrl: config.baseUrl,
    },
    environment,
    logger,
  });
}
