/**
 * How many chunks a second go from upstream to the client, and what they cost.
 * Success: full speed (50 jobs × 2,000 chunks of 50 bytes) over 60 k chunks/s and under 20 µs of CPU per chunk for
 * gateway + worker + Redis together; idle time to the first chunk under 10 ms.
 *
 *   node bench/throughput.ts [jobs] [chunks] [paceMs] [rounds]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { connectWire, startStack } from '@cc-executor/testing';

const [jobs = 50, chunks = 2_000, paceMs = 0, rounds = 3] = process.argv.slice(2).map(Number);

const upstream = spawn(
  process.execPath,
  [new URL('upstream.ts', import.meta.url).pathname, `${chunks}`, `${paceMs}`],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
  },
);
const [port] = await once(createInterface({ input: upstream.stdout }), 'line');
const stack = await startStack({
  upstream: { url: `http://127.0.0.1:${port}` },
  env: { WORKER_CONCURRENCY: '500', LOG_LEVEL: 'info' },
});
const processes = {
  gateway: stack.gateways[0]?.pid ?? 0,
  worker: stack.workers[0]?.pid ?? 0,
  redis: stack.redis.pid ?? 0,
};

/** CPU time of a process so far, in ms. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function round(): Promise<{ perSecond: number; cpuUs: Record<string, number>; firstMs: number }> {
  const client = await connectWire(stack.url());
  let received = 0;
  let ended = 0;
  let firstAt = 0;
  const { promise: done, resolve } = Promise.withResolvers<void>();
  // Counted as text: parsing here would be measured too.
  client.socket.removeAllListeners('message');
  client.socket.on('message', (data: Buffer) => {
    const text = data.toString('latin1');
    if (text.includes('"type":"output"')) {
      firstAt ||= performance.now();
      received += 1;
    } else if (text.includes('"type":"completed"') || text.includes('"type":"failed"')) {
      ended += 1;
      if (ended === jobs) resolve();
    }
  });
  const before = Object.entries(processes).map(([name, pid]) => [name, cpuMs(pid)] as const);
  const startedAt = performance.now();
  for (let i = 0; i < jobs; i += 1) {
    client.send(
      JSON.stringify({ jsonrpc: '2.0', id: i + 1, method: 'execute', params: { prompt: 'bench' } }),
    );
  }
  await done;
  const elapsedMs = performance.now() - startedAt;
  if (received !== jobs * chunks) throw new Error(`received ${received} of ${jobs * chunks} chunks`);
  const cpuUs = Object.fromEntries(
    before.map(([name, used]) => [name, ((cpuMs(processes[name as 'redis']) - used) * 1_000) / received]),
  );
  await client.close();
  return { perSecond: (received / elapsedMs) * 1_000, cpuUs, firstMs: firstAt - startedAt };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

await round();
const results: Awaited<ReturnType<typeof round>>[] = [];
for (let i = 0; i < rounds; i += 1) results.push(await round());
const cpu = ['gateway', 'worker', 'redis'].map((name) =>
  median(results.map((result) => result.cpuUs[name] ?? 0)),
);
process.stdout.write(
  `${cpus().length} cores (${cpus()[0]?.model}), Node ${process.version}, ${jobs} jobs × ${chunks} chunks, pace ${paceMs} ms, medians of ${rounds}\n` +
    `chunks/s ${Math.round(median(results.map((result) => result.perSecond)))}\n` +
    `CPU per chunk: gateway ${cpu[0]?.toFixed(1)} µs, worker ${cpu[1]?.toFixed(1)} µs, redis ${cpu[2]?.toFixed(1)} µs\n` +
    `first chunk ${median(results.map((result) => result.firstMs)).toFixed(1)} ms\n`,
);
await stack.close();
upstream.kill();
