import { readFile } from 'node:fs/promises';
import { connectWire, startService, startTestRedis } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { completed, createRig, output, takeJob } from '../harness.ts';
const MB = 1024 * 1024;
const res = async (pid: number) => Number(/VmRSS:\s+(\d+) kB/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
test('mem', async () => {
  const server = await startTestRedis();
  const rig = await createRig(server);
  const gateway = await startService({ app: 'gateway', env: { REDIS_URL: server.url, REDIS_KEY_PREFIX: rig.keyPrefix, GATEWAY_PORT: '0', GATEWAY_HEARTBEAT_MS: '60s' }, readyMessage: 'gateway listens' });
  const client = await connectWire(`ws://127.0.0.1:${gateway.ready.port}/ws`);
  const jobId = await rig.createJob();
  await client.request('attach', { jobId });
  console.log('before', await res(gateway.pid));
  client.socket.pause();
  const attempt = await takeJob(rig.log, jobId);
  const batch = Array.from({ length: 16 }, () => output('x'.repeat(32 * 1024)));
  for (let i = 1; i <= 500; i += 1) { await attempt.write(...batch); if (i % 50 === 0) console.log(i / 2, 'MB', await res(gateway.pid)); }
  await attempt.end(completed);
  await gateway.stop();
  client.socket.terminate();
  await rig.close();
  await server.close();
}, 60000);
