import { startStack } from '@cc-executor/testing';
import { it } from 'vitest';
import { doors } from './support/doors.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';
import { memoryOf } from './support/processes.ts';
import { startScripts } from './support/scripts.ts';
import { answer, closing, opening, piece } from './support/stream-lines.ts';
it('probe', async () => {
  const scripts = await startScripts();
  const stack = await startStack({ env: {...RESTLESS, JOB_RETENTION_MS: '1000'}, upstream: { url: scripts.upstream.url } });
  const show = (w: string) => console.log(w, [...stack.gateways, ...stack.workers].map(({ pid }) => JSON.stringify(memoryOf(pid))).join(' '));
  for (const d of doors) for (const total of [32,32,32,32, 128]) {
    const v = await d.connect(stack);
    const text = nonce(8*1024);
    const block = [...opening().slice(2), ...Array(8).fill(piece(text)), ...closing(text.repeat(8)).slice(0,3)];
    show('before');
    const t = performance.now();
    const task = await v.execute(scripts.file([...opening(), ...Array(total*1024/128).fill(block).flat(), ...closing('x').slice(3)]));
    const e = await task.ended;
    console.log(total, e.status, e.text.length, performance.now() - t);
    show('after');
    await v.close();
  }
  await stack.close(); await scripts.upstream.close();
}, 120000);
