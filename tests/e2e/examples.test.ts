/** The examples, as they stand, against a whole stack, through a line that breaks in the middle of the answer. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { createClient } from '@cc-executor/client';
import { type Stack, startStack } from '@cc-executor/testing';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { runProgram } from './support/child.ts';
import { RESTLESS } from './support/leftovers.ts';

const folder = fileURLToPath(new URL('../../examples/', import.meta.url));
const lacksPython = (() => {
  try {
    execFileSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
})();

const EXAMPLES = [
  { example: 'node/ask.mjs', program: process.execPath, scheme: 'ws', path: '/ws', skip: false },
  { example: 'python/sse.py', program: 'python3', scheme: 'http', path: '', skip: lacksPython },
  { example: 'python/native.py', program: 'python3', scheme: 'ws', path: '/ws', skip: lacksPython },
];

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ upstream: { env: { CLAUDE_ENGINE: 'demo' } }, env: RESTLESS });
});
afterAll(() => stack.close());

/** A way to the gateway that breaks once, behind the first output that passes. */
async function openBreakingLine() {
  let breaks = 0;
  const server = createServer((client) => {
    const gateway = connect(Number(new URL(stack.url()).port), '127.0.0.1');
    for (const end of [client, gateway]) end.on('error', () => {});
    client.pipe(gateway);
    client.on('close', () => gateway.destroy());
    gateway.on('close', () => client.destroy());
    gateway.on('data', (chunk) => {
      client.write(chunk);
      if (breaks === 0 && chunk.includes('"type":"output"')) {
        breaks += 1;
        client.destroySoon();
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, breaks: () => breaks };
}

for (const { example, program, scheme, path, skip } of EXAMPLES) {
  const name = skip ? `${example}: python3 (3.9 or newer) is missing` : example;
  it.skipIf(skip)(`${name} gives the whole answer, and gives it again to whoever comes back`, async () => {
    const line = await openBreakingLine();
    const env = { CC_EXECUTOR_URL: `${scheme}://127.0.0.1:${line.port}${path}` };
    const asking = runProgram(program, [folder + example, 'Tell me a tale.'], { env });
    const [jobId] = await asking.untilOutput(/job_[0-9a-f]{32}/);
    expect(await asking.ended, asking.stderr()).toMatchObject({ code: 0 });
    expect(line.breaks()).toBe(1);
    const client = createClient({ url: stack.url() });
    const { text } = await (await client.attach(jobId)).result();
    await client.close();
    expect(asking.stdout()).toContain(text);
    expect(asking.stderr()).toContain('completed');
    const again = runProgram(program, [folder + example, '--attach', jobId], { env });
    expect(await again.ended).toMatchObject({ code: 0 });
    expect(again.stdout()).toBe(asking.stdout());
  });
}
