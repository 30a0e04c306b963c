/** Runs the real command as a process of its own; every one is gone after its test. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { quickStart } from '@cc-executor/testing';
import { onTestFinished } from 'vitest';
import {
  type ScriptedConnection,
  type ScriptedGateway,
  startScriptedGateway,
} from '../../../libs/client/test/scripted-gateway.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
type CliProcess = ChildProcess & { stdin: Writable; stdout: Readable; stderr: Readable };

export type CliRun = {
  child: CliProcess;
  /** Resolves when standard error has held this text. */
  says(part: string): Promise<void>;
  /** Exit code or signal, and everything that was written. */
  ended: Promise<{ code: number | NodeJS.Signals; stdout: string; stderr: string }>;
};

/** Starts the command. Standard input is empty unless `stdin` is 'pipe'. */
export function runCli(
  args: string[],
  {
    url,
    stdin = 'ignore',
    traceparent,
  }: { url?: string; stdin?: 'ignore' | 'pipe'; traceparent?: string } = {},
): CliRun {
  const { PATH, XDG_CONFIG_HOME, XDG_STATE_HOME } = process.env;
  // With `stdin: 'ignore'` there is none, and then no test uses it.
  const child = spawn(process.execPath, [...quickStart(main), ...args], {
    stdio: [stdin, 'pipe', 'pipe'],
    env: { PATH, XDG_CONFIG_HOME, XDG_STATE_HOME, CC_EXECUTOR_URL: url, TRACEPARENT: traceparent },
  }) as CliProcess;
  const exit = once(child, 'exit') as Promise<[number | null, NodeJS.Signals]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  let said = '';
  const listeners = new Set<() => void>();
  child.stderr.on('data', (data) => {
    said += data;
    for (const listener of listeners) listener();
  });
  const stderrEnd = once(child.stderr, 'close');
  return {
    child,
    says: (part) =>
      new Promise((resolve, reject) => {
        const look = () => said.includes(part) && resolve();
        listeners.add(look);
        look();
        exit.then(() => stderrEnd).then(() => reject(new Error(`never said '${part}' but: ${said}`)));
      }),
    ended: (async () => {
      const stdout = await text(child.stdout);
      const [code, signal] = await exit;
      await stderrEnd;
      return { code: code ?? signal, stdout, stderr: said };
    })(),
  };
}

export async function startGateway(): Promise<ScriptedGateway> {
  const gateway = await startScriptedGateway();
  onTestFinished(gateway.close);
  return gateway;
}

/** Accepts the command's connection and its `execute`. */
export async function acceptJob(gateway: ScriptedGateway, accepted: object): Promise<ScriptedConnection> {
  const connection = await gateway.accept();
  connection.reply(await connection.expect('execute'), accepted);
  return connection;
}
