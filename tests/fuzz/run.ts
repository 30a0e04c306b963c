/**
 * One fuzz run: a gateway that is sent frames of all kinds by processes of their own, beside a victim that asks and has
 * jobs accepted, and wants to be answered soon. What is sent is decided by the seed; how it is interleaved is not.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { sleep } from '@cc-executor/runtime';
import {
  connectWire,
  killWithParent,
  quickStart,
  type ServiceProcess,
  type Stack,
  startStack,
} from '@cc-executor/testing';

export type FuzzOptions = {
  seed: number;
  /** Stops when the gateway has looked at so many. */
  frames: number;
  senders?: number;
  report: (line: string) => void;
};

export type FuzzResult = {
  /** Frames that were sent. Some fell behind one that closed their connection. */
  sent: number;
  /** Frames that the gateway has looked at, and those of them that were requests by their form. */
  looked: number;
  requests: number;
  tookMs: number;
  /** Of the victim's requests. */
  p99Ms: number;
  answers: number;
  /** Resident memory in bytes; undefined where the system does not tell. */
  memory: { before: number; most: number; after: number } | undefined;
  /** The gateway still serves, by the end. */
  isAlive: boolean;
};

const LANES = 16;
const ASK_EVERY_MS = 20;
const ASKS_PER_JOB = 50;
const REPORT_MS = 5_000;
const LOOK_MS = 250;
/** What was held is let go, and collected, within this. */
const REST_MS = 5_000;
const MB = 1024 * 1024;
/** How frames are answered that are no requests by their form. */
const NO_REQUEST: ReadonlySet<string> = new Set(['parse_error', 'invalid_request']);

/** Runs it; rejects when the run itself could not be carried out, or the gateway died. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzResult> {
  const stack = await startStack({
    workers: 0,
    upstream: { url: 'http://127.0.0.1:9' },
    env: { LOG_LEVEL: 'info', JOB_RETENTION_MS: '1m' },
  });
  try {
    return await runOn(stack, options);
  } finally {
    await stack.close();
  }
}

async function runOn(stack: Stack, { seed, frames, senders = 2, report }: FuzzOptions): Promise<FuzzResult> {
  const gateway = stack.gateways[0] as ServiceProcess;
  const port = Number(gateway.ready.port);
  const victim = await startVictim(stack.url());
  const before = await residentBytes(gateway);
  let most = before ?? 0;
  const processes = Array.from({ length: senders }, (_, i) => startSender(port, seed + i));
  const began = performance.now();
  let counts = { looked: 0, requests: 0 };
  let reportAt = began + REPORT_MS;
  while (counts.looked < frames) {
    await sleep(LOOK_MS);
    for (const sender of processes) sender.expectAlive();
    victim.expectServed();
    counts = await readCounts(port);
    const bytes = await residentBytes(gateway);
    most = Math.max(most, bytes ?? 0);
    if (performance.now() < reportAt) continue;
    reportAt += REPORT_MS;
    const seconds = (performance.now() - began) / 1_000;
    report(
      `${Math.round(seconds)} s: ${counts.looked} frames (${Math.round(counts.looked / seconds)} a second), ` +
        `${percent(counts.requests, counts.looked)} of them requests; memory ${bytes === undefined ? 'unknown' : `${Math.round(bytes / MB)} MiB`}; ` +
        `victim ${victim.answers()} answers, 99% within ${Math.round(victim.p99Ms())} ms`,
    );
  }
  const tookMs = performance.now() - began;
  const answers = victim.answers();
  const p99Ms = victim.p99Ms();
  await victim.stop();
  const sent = (await Promise.all(processes.map((sender) => sender.stop()))).reduce((a, b) => a + b, 0);
  await sleep(REST_MS);
  const after = await residentBytes(gateway);
  const memory = before === undefined || after === undefined ? undefined : { before, most, after };
  return { sent, ...counts, tookMs, p99Ms, answers, memory, isAlive: await serves(stack.url()) };
}

export const percent = (part: number, all: number) => `${Math.round((100 * part) / Math.max(1, all))}%`;

/** What the gateway has counted so far. */
async function readCounts(port: number): Promise<{ looked: number; requests: number }> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const counts = { looked: 0, requests: 0 };
  for (const [, outcome = '', count] of text.matchAll(
    /^cc_executor_gateway_requests_total\{.*outcome="(\w+)".*\} (\d+)$/gm,
  )) {
    counts.looked += Number(count);
    if (!NO_REQUEST.has(outcome)) counts.requests += Number(count);
  }
  return counts;
}

async function residentBytes({ pid }: ServiceProcess): Promise<number | undefined> {
  if (process.platform !== 'linux') return undefined;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
}

function startSender(port: number, seed: number) {
  const script = fileURLToPath(new URL('./sender.ts', import.meta.url));
  const args = [...quickStart(script), String(port), String(seed), String(LANES)];
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  killWithParent(child);
  let sent = 0;
  createInterface({ input: child.stdout }).on('line', (line) => {
    sent = Number(line);
  });
  return {
    expectAlive() {
      if (child.exitCode !== null) throw new Error(`a sender exited with ${child.exitCode}`);
    },
    async stop(): Promise<number> {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
      return sent;
    },
  };
}

/** Asks as a client does that means no harm. */
async function startVictim(url: string) {
  const client = await connectWire(url);
  const tookMs: number[] = [];
  let isOver = false;
  async function timed(method: string, params: object) {
    const began = performance.now();
    const { result, error } = await client.request(method, params);
    if (!result) throw new Error(`the victim was refused: ${JSON.stringify(error)}`);
    tookMs.push(performance.now() - began);
    await sleep(ASK_EVERY_MS);
    return result;
  }
  async function ask(): Promise<void> {
    while (!isOver) {
      // A long run outlives its jobs.
      const { jobId } = await timed('execute', { prompt: 'x', attach: false, timeouts: { queueMs: 60_000 } });
      for (let asked = 0; asked < ASKS_PER_JOB && !isOver; asked += 1) await timed('get', { jobId });
    }
  }
  const asking = ask();
  let refusal: unknown;
  asking.catch((error) => {
    refusal = error;
  });
  return {
    /** Throws when it was refused. */
    expectServed() {
      if (refusal !== undefined) throw refusal;
    },
    answers: () => tookMs.length,
    p99Ms() {
      const sorted = tookMs.toSorted((a, b) => a - b);
      return sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
    },
    async stop() {
      isOver = true;
      await asking;
      await client.close();
    },
  };
}

async function serves(url: string): Promise<boolean> {
  const client = await connectWire(url);
  const { result } = await client.request('execute', { prompt: 'x', attach: false });
  await client.close();
  return result?.created === true;
}
