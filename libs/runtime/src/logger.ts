/**
 * The logger: pino, written in this thread, so that a line is out before a process that dies is gone.
 * Fields with the names of secrets are hidden, and of an error only its own words are kept: foreign errors
 * carry the command that failed, and with it passwords and prompts.
 */
import { createRequire } from 'node:module';
import pino, { type DestinationStream, type Logger } from 'pino';
import { redactUrl } from './redact.ts';

export type { Logger } from 'pino';

const SECRET_FIELDS = ['authorization', 'password', 'token', 'apiKey', 'secret', 'cookie', 'redisUrl'];
const SECRET_PATHS = SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.headers.${field}`]);

/**
 * Makes the logger of an app or a command.
 *
 * @param options.stream where lines go; default is standard output
 */
export function createLogger(options: {
  name: string;
  level: string;
  format: 'pretty' | 'json';
  stream?: DestinationStream;
}): Logger {
  const { name, level, format, stream } = options;
  const destination = stream ?? pino.destination({ fd: 1, sync: true });
  return pino(
    {
      name,
      level,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: describeError },
      redact: { paths: SECRET_PATHS, censor: hide },
    },
    format === 'pretty' ? prettyStream(destination, stream === undefined) : destination,
  );
}

/** For who did what, and who failed to come in: lines that are written whatever the level is, unless it is `silent`. */
export function auditLogger(logger: Logger): Logger {
  const isWritten = logger.level === 'silent' || logger.isLevelEnabled('info');
  return isWritten ? logger : logger.child({}, { level: 'info' });
}

// pino-pretty's own stream passes lines through transforms; formatting them here keeps the write synchronous.
function prettyStream(destination: DestinationStream, mayColorize: boolean): DestinationStream {
  // Loaded where people read: services that write JSON start sooner without it.
  const { prettyFactory } = createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty');
  const format = prettyFactory({
    colorize: mayColorize && process.stdout.isTTY === true,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    singleLine: true,
  });
  return { write: (line) => destination.write(format(line)) };
}

function hide(value: unknown, path: string[]): unknown {
  if (value === undefined || value === null || value === '') return value;
  return path.at(-1) === 'redisUrl' && typeof value === 'string' ? redactUrl(value) : '[hidden]';
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return typeof error === 'string' ? redactUrl(error) : error;
  const { code } = error as NodeJS.ErrnoException;
  return {
    type: error.name,
    message: redactUrl(error.message),
    ...(code !== undefined && { code }),
    ...(error.stack !== undefined && { stack: redactUrl(error.stack) }),
    ...(error.cause !== undefined && { cause: describeError(error.cause) }),
  };
}
