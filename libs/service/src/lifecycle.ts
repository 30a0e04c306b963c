/**
 * From start to exit of a service process: read the configuration, start, wait for a signal, drain, exit.
 * The drain starts once and is bounded; whatever happens, the process ends with a meaningful exit code.
 */
import { createMetrics, type Metrics } from '@cc-executor/metrics';
import {
  ConfigError,
  createLogger,
  exitCodes,
  type Logger,
  logEvents,
  TimeoutError,
  version,
  within,
} from '@cc-executor/runtime';

type ServiceContext<C> = {
  readonly config: C;
  readonly logger: Logger;
  /** With nothing in it yet but what runs here, and the state of the process. */
  readonly metrics: Metrics;
  /** Aborted when the drain begins, also while `start` is still running. */
  readonly signal: AbortSignal;
};

type ServiceConfig = {
  readonly logLevel: string;
  readonly logFormat: 'pretty' | 'json';
  readonly metrics: boolean;
};

/**
 * Runs a service until SIGTERM or SIGINT, with a umask of 077, then closes it and ends the process:
 * 0 after a clean close; 1 when it could not start, crashed or did not close in time; 78 when the
 * configuration is not valid; 130 on a second signal, at once.
 *
 * @param options.loadConfig its ConfigError is printed to standard error as it is
 * @param options.start resolves when the service works; what it throws ends the process, a ConfigError as above
 * @param options.graceMs how long `close` may take, or how to read it from the configuration (default 10 s)
 */
export async function runService<C extends ServiceConfig>(options: {
  name: string;
  loadConfig: () => C;
  start: (context: ServiceContext<C>) => Promise<{ close(): Promise<void> }>;
  graceMs?: number | ((config: C) => number);
}): Promise<void> {
  // What a service writes, and what it runs, is for its own user.
  process.umask(0o077);
  const config = readConfig(options.loadConfig);
  const logger = createLogger({ name: options.name, level: config.logLevel, format: config.logFormat });
  const { graceMs: grace = 10_000 } = options;
  const graceMs = typeof grace === 'function' ? grace(config) : grace;
  const stopping = new AbortController();
  const metrics = createMetrics({ role: options.name, version, isOn: config.metrics });
  const context = { config, logger, metrics, signal: stopping.signal };
  let exitCode: number = exitCodes.ok;

  // In a microtask, so that a synchronous throw of `start` is a rejection too.
  const started = Promise.resolve().then(() => options.start(context));

  async function drain(): Promise<void> {
    const closed = started.then(
      (service) => service.close(),
      // A failed start is reported where it is awaited, below.
      () => {},
    );
    try {
      await within(closed, graceMs);
      logger.info({ event: logEvents.stopped }, 'stopped');
    } catch (err) {
      exitCode = exitCodes.failed;
      const isLate = err instanceof TimeoutError;
      if (isLate) logger.error({ event: logEvents.closeLate, graceMs }, 'did not close in time');
      else logger.error({ event: logEvents.closeFailed, err }, 'closing failed');
    }
    process.exit(exitCode);
  }

  function stop(): void {
    if (stopping.signal.aborted) return;
    stopping.abort();
    void drain();
  }

  function onSignal(name: NodeJS.Signals): void {
    if (stopping.signal.aborted) {
      logger.warn({ signal: name }, 'second signal: exiting at once');
      process.exit(exitCodes.interrupted);
    }
    logger.info({ event: logEvents.draining, signal: name, graceMs }, 'draining');
    stop();
  }

  function onCrash(err: unknown): void {
    logger.fatal({ event: logEvents.fault, err }, 'unexpected error');
    exitCode = exitCodes.failed;
    stop();
  }

  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  process.on('uncaughtException', onCrash);
  process.on('unhandledRejection', onCrash);

  try {
    await started;
  } catch (err) {
    // A start that gives up because the drain began is not a failure; the drain ends the process.
    if (stopping.signal.aborted)
      return void logger.warn({ event: logEvents.startInterrupted, err }, 'start was interrupted');
    if (err instanceof ConfigError) refuse(err);
    logger.fatal({ event: logEvents.startFailed, err }, 'could not start');
    process.exit(exitCodes.failed);
  }
}

function readConfig<C>(load: () => C): C {
  try {
    return load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    refuse(error);
  }
}

function refuse(error: ConfigError): never {
  process.stderr.write(`${error.message}\n`);
  process.exit(exitCodes.config);
}
