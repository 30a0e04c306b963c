/**
 * A real process of ours under test: started from its main.ts, ready when it logs `ready`, ended by pid. Its log lines
 * are kept, and tests wait on their `event`, whose words are stable (`LogEvent`).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type LogEvent, SERVICE_FLAGS } from '@cc-executor/runtime';
import { killWithParent } from './kill-with-parent.ts';
import { quickStart } from './quick-start.ts';

export type LogLine = { level: string; msg: string; event?: LogEvent; [field: string]: unknown };

export type ServiceProcess = {
  name: string;
  pid: number;
  /** The fields of the log line that said it was ready: the port is among them. */
  ready: LogLine;
  logs(): LogLine[];
  /** Resolves with the first log line, past or to come, that fits. Rejects when the process exits first. */
  untilLog(fits: (line: LogLine) => boolean): Promise<LogLine>;
  kill(signal: NodeJS.Signals): void;
  /** Resolves with how it exited. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  /** SIGTERM, then SIGKILL after a bound; also wakes a stopped process. Idempotent. */
  stop(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
};

export type ServiceOptions = {
  /** Folder below apps/. */
  app: 'gateway' | 'worker' | 'claude-api' | 'dashboard';
  env: Record<string, string>;
  /** The folder that holds apps/ and libs/; default is this repository. Ends in a slash. */
  root?: URL;
};

const STOP_MS = 20_000;
const REPOSITORY = new URL('../../../', import.meta.url);

/** Starts a service and waits until it says that it is ready. Rejects, with its output, when it exits instead. */
export async function startService({ app, env, root = REPOSITORY }: ServiceOptions): Promise<ServiceProcess> {
  const main = fileURLToPath(new URL(`apps/${app}/src/main.ts`, root));
  const child = spawn(process.execPath, [...SERVICE_FLAGS, ...quickStart(main)], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, LOG_FORMAT: 'json', LOG_LEVEL: 'debug', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  killWithParent(child);
  const logs: LogLine[] = [];
  const waiting = new Set<(line: LogLine) => void>();
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
  collect(child, (line) => {
    logs.push(line);
    for (const look of waiting) look(line);
  });

  async function untilLog(fits: (line: LogLine) => boolean): Promise<LogLine> {
    const known = logs.find(fits);
    if (known) return known;
    const { promise, resolve } = Promise.withResolvers<LogLine>();
    const look = (line: LogLine) => {
      if (fits(line)) resolve(line);
    };
    waiting.add(look);
    const gone = exited.then(({ code, signal }) => {
      const tail = logs.slice(-10).map((line) => JSON.stringify(line));
      throw new Error(`${app} exited (code ${code}, signal ${signal}):\n${tail.join('\n')}`);
    });
    // When the line comes first, the exit is no news to anybody.
    gone.catch(() => undefined);
    try {
      return await Promise.race([promise, gone]);
    } finally {
      waiting.delete(look);
    }
  }

  async function stop() {
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    const result = await exited;
    clearTimeout(timer);
    return result;
  }

  const ready = await untilLog(({ event }) => event === 'ready');
  return {
    name: app,
    pid: child.pid ?? 0,
    ready,
    logs: () => logs,
    untilLog,
    kill: (signal) => void child.kill(signal),
    exited,
    stop,
  };
}

function collect(child: ChildProcess, take: (line: LogLine) => void): void {
  for (const stream of [child.stdout, child.stderr]) {
    if (!stream) continue;
    createInterface({ input: stream }).on('line', (text) => take(parseLine(text)));
  }
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine;
  } catch {
    // Not from the logger: an uncaught error, a configuration fault.
    return { level: 'raw', msg: text };
  }
}
