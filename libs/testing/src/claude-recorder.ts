/** Runs the real Claude Code against the stand-in model, as claude-api does, and keeps what it prints. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { claudeEnvironment } from './stand-in-model/claude-environment.ts';
import type { ModelBehaviour } from './stand-in-model/directives.ts';
import { startStandInModel } from './stand-in-model/server.ts';

export type RecordedEnding = { exitCode: number | null; signal: NodeJS.Signals | null };

export type ClaudeRecording = RecordedEnding & { lines: string[] };

export type RecordClaudeOptions = {
  bin: string;
  /** With directives for the stand-in model. Several are turns of one session: each is sent when its predecessor has a result. */
  prompt: string | readonly string[];
  args?: readonly string[];
  /** An undefined value takes a variable away. */
  env?: Readonly<Record<string, string | undefined>>;
  /** What the model does whatever the prompt of a request says. */
  behaviour?: ModelBehaviour;
  /** Sends this signal to the CLI's process group when a line has come that holds this text. */
  kill?: { signal: NodeJS.Signals; at: string };
};

/** How each of the recorded runs ended, by the name of its recording. */
export function recordedEndings(): Record<string, RecordedEnding> {
  const file = new URL('../recordings/endings.json', import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, RecordedEnding>;
}

/** Runs it once, in a folder and a home of its own, whose paths are made neutral in what it printed. */
export async function recordClaude(options: RecordClaudeOptions): Promise<ClaudeRecording> {
  const { prompt } = options;
  const isSession = typeof prompt !== 'string';
  const base = await mkdtemp(join(tmpdir(), 'cc-executor-recording-'));
  const [home, cwd] = [join(base, 'home'), join(base, 'workspace')];
  await Promise.all([mkdir(home), mkdir(cwd)]);
  const model = await startStandInModel({ script: () => options.behaviour });
  try {
    const child = spawn(
      options.bin,
      [
        '-p',
        '--output-format=stream-json',
        '--verbose',
        '--include-partial-messages',
        ...(isSession ? ['--input-format=stream-json'] : []),
        ...(options.args ?? []),
      ],
      {
        cwd,
        env: { ...claudeEnvironment({ modelUrl: model.url, home }), ...options.env },
        stdio: ['pipe', 'pipe', 'ignore'],
        detached: true,
      },
    );
    const turns = isSession ? [...prompt].map(userLine) : [prompt];
    const sendTurn = () => {
      child.stdin.write(turns.shift() ?? '');
      if (turns.length === 0) child.stdin.end();
    };
    sendTurn();
    const exited = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    const lines: string[] = [];
    let killed = false;
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(neutral(line, { base, home, cwd }));
      if (turns.length > 0 && JSON.parse(line).type === 'result') sendTurn();
      if (killed || options.kill === undefined || !line.includes(options.kill.at)) continue;
      killed = true;
      process.kill(-child.pid!, options.kill.signal);
    }
    const [exitCode, signal] = await exited;
    return { lines, exitCode, signal };
  } finally {
    await model.close();
    await rm(base, { recursive: true, force: true, maxRetries: 3 });
  }
}

function userLine(content: string): string {
  return `${JSON.stringify({ type: 'user', message: { role: 'user', content } })}\n`;
}

/** Claude Code names the folder of a project's transcripts after its path, with a dash for what is not a letter. */
function neutral(line: string, { base, home, cwd }: { base: string; home: string; cwd: string }): string {
  const dashed = cwd.replace(/[^A-Za-z0-9]/g, '-');
  return line
    .replaceAll(dashed, '-workspace')
    .replaceAll(cwd, '/workspace')
    .replaceAll(home, '/home/node')
    .replaceAll(base, '/tmp');
}
