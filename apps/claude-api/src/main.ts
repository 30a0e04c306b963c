/** claude-api: an HTTP service that runs Claude Code and streams what it does. */
import { resolve } from 'node:path';
import { logEvents, version } from '@cc-executor/runtime';
import { runService } from '@cc-executor/service';
import { openTracing } from '@cc-executor/tracing';
import { killRunning } from './cli-process.ts';
import { appName } from './config.ts';
import { chooseEngine, openWays } from './engine-choice.ts';
import { killLeftovers } from './killing.ts';
import { startLeftoverGuard } from './leftover-guard.ts';
import { choosePolicy } from './policy-choice.ts';
import { killPrograms } from './program-output.ts';
import { startServer } from './server.ts';
import { readConfiguration } from './start-check.ts';
import { digestOfToken } from './token-check.ts';

/** On top of the drain: what stopping the remaining executions takes. */
const CLOSE_MARGIN_MS = 10_000;

// A second signal, a drain that is late, a crash: whatever ends this process, no Claude Code outlives it.
process.on('exit', killRunning);
process.on('exit', killPrograms);

await runService({
  name: appName,
  loadConfig: () => readConfiguration(process.env),
  graceMs: (config) => config.drainMs + 2 * config.stopGraceMs + CLOSE_MARGIN_MS,
  async start({ config, logger, metrics }) {
    // Only SIGKILL gets past the line above; what it left the guard ends, or, where that was killed, too, the next start.
    const processes = killLeftovers();
    const ways = await openWays(config, process.env, logger);
    const engine = chooseEngine(config, process.env, logger, ways);
    if (engine.name === 'claude') process.on('exit', startLeftoverGuard(process.env));
    const folders = (await engine.sweep?.()) ?? 0;
    if (processes + folders > 0)
      logger.warn(
        { event: logEvents.leftoversRemoved, processes, folders },
        'leftovers of an earlier start removed',
      );
    const tracing = await openTracing(config, { service: `cc-executor-${appName}`, version, logger });
    const server = await startServer({
      engine,
      host: config.host,
      port: config.port,
      allowedHosts: config.allowedHosts,
      tokenSha256: config.claudeApiToken ? digestOfToken(config.claudeApiToken) : config.claudeApiTokenSha256,
      limits: config,
      workspacesDir: config.workspacesDir,
      workDir: resolve(config.workDir),
      policy: choosePolicy(config),
      drainMs: config.drainMs,
      metrics,
      tracing,
      logger,
    });
    const { port } = server;
    logger.info({ event: logEvents.ready, host: config.host, port, engine: engine.name }, 'listening');
    return {
      async close() {
        await server.close();
        await ways.modelProxy?.close();
        await tracing?.close();
      },
    };
  },
});
