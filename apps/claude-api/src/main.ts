/** claude-api: an HTTP service that runs Claude Code and streams what it does. */
import { loadConfig, runService } from '@cc-executor/runtime';
import { appName, settings } from './config.ts';
import { chooseEngine } from './engine-choice.ts';
import { startServer } from './server.ts';

/** On top of the drain: what stopping the remaining executions takes. */
const CLOSE_MARGIN_MS = 10_000;

await runService({
  name: appName,
  loadConfig: () => loadConfig(appName, settings),
  graceMs: (config) => config.drainMs + 2 * config.stopGraceMs + CLOSE_MARGIN_MS,
  async start({ config, logger }) {
    const engine = chooseEngine(config, process.env, logger);
    const server = await startServer({
      engine,
      host: config.host,
      port: config.port,
      limits: config,
      allowToolOptions: config.allowToolOptions,
      drainMs: config.drainMs,
      logger,
    });
    logger.info({ host: config.host, port: server.port, engine: engine.name }, 'listening');
    return server;
  },
});
