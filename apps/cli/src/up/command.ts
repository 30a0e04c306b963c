/** The command `cc-executor up`, which `npm start` runs. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { UpOptions } from './up.ts';

const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const MOST_WORKERS = 64;

const HELP = `
Redis: the one of REDIS_URL; else redis-server or valkey-server, if one is installed; else one that is fetched
with apt-get into .cache/redis-server, without touching the system; these keep their data in .cache/redis. Else an
embedded one, in memory only.

Variables: REDIS_URL, FETCH_REDIS (on), CLAUDE_API_PORT (8000), GATEWAY_PORT (8003), DASHBOARD_PORT (8004), LOG_FORMAT
(pretty, json), LOG_LEVEL, UP_DATA_DIR (.cache/redis), UP_READY_TIMEOUT_MS, UP_STOP_GRACE_MS, and those of
the services, which get the whole environment (claude-api only what it and Claude Code read). A port of 0 takes a free one.

Ctrl-C stops everything in order: the gateway first, running jobs are finished or handed back, Redis last.
A second Ctrl-C kills at once.`;

/** Adds the command to the program. */
export function registerUp(program: Command): void {
  program
    .command('up')
    .description('run the whole stack on this machine: Redis, claude-api, workers, gateway, dashboard')
    .option('-w, --workers <number>', 'how many worker processes', readWorkers, 1)
    .option('--no-dashboard', 'run without the dashboard')
    .option('--auth', 'ask everybody for a key: the command line finds one that is drawn for it')
    .addOption(
      new Option('--log-level <level>', 'log level of all services (else LOG_LEVEL)').choices(LEVELS),
    )
    .addHelpText('after', HELP)
    .action(async (options: UpOptions) => {
      process.exitCode = await up(options);
    });
}

async function up(options: UpOptions): Promise<number> {
  // A reader that went away (`up | head`) must not keep the stack from being stopped in order.
  process.stdout.on('error', () => {});
  const [{ runUp }, { UpError }, { ConfigError, exitCodes }] = await Promise.all([
    import('./up.ts'),
    import('./up-error.ts'),
    import('@cc-executor/runtime'),
  ]);
  try {
    const outcome = await runUp(options, process.env, (text) => process.stdout.write(text));
    return outcome === 'killed' ? exitCodes.interrupted : exitCodes.ok;
  } catch (error) {
    if (!(error instanceof UpError || error instanceof ConfigError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return error instanceof ConfigError ? exitCodes.config : exitCodes.failed;
  }
}

function readWorkers(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= MOST_WORKERS) return value;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST_WORKERS}.`);
}
