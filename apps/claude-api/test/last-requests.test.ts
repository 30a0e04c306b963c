/** A claude-api that goes away while callers are at its door: whoever has connected gets an answer. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { startService } from '@cc-executor/testing';
import { afterEach, expect, test } from 'vitest';

/** Without care most of them are broken off. */
const CALLERS = 50;

let service: Awaited<ReturnType<typeof startService>>;
afterEach(() => service.kill('SIGKILL'));

test('one that stops answers everybody who has connected, also who asks after the port is closed, and refuses the rest', async () => {
  service = await startService({
    app: 'claude-api',
    env: { CLAUDE_ENGINE: 'demo', CLAUDE_API_PORT: '0', CLAUDE_MAX_EXECUTIONS: '2' },
  });
  const port = Number(service.ready.port);
  // Until it goes on, the system takes the connections in its place.
  service.kill('SIGSTOP');
  const callers = await Promise.all(Array.from({ length: CALLERS }, () => openCaller(port)));
  const early = callers.slice(CALLERS / 2).map(({ ask }) => ask());
  service.kill('SIGTERM');
  service.kill('SIGCONT');
  await expect.poll(() => isRefused(port), { interval: 20, timeout: 10_000 }).toBe(true);
  const late = callers.slice(0, CALLERS / 2).map(({ ask }) => ask());
  const answers = await Promise.all([...early, ...late]);
  expect(answers.filter((answer) => !/^HTTP\/1\.1 (200|429|503)$/.test(answer))).toEqual([]);
  expect(await service.exited).toEqual({ code: 0, signal: null });
});

test('a caller that keeps its connection is answered on it also after the port is closed', async () => {
  service = await startService({ app: 'claude-api', env: { CLAUDE_ENGINE: 'demo', CLAUDE_API_PORT: '0' } });
  const port = Number(service.ready.port);
  const { ask } = await openCaller(port, ['X-Keeps-Connection: 1']);
  expect(await ask('{}')).toBe('HTTP/1.1 400');
  service.kill('SIGTERM');
  await expect.poll(() => isRefused(port), { interval: 20, timeout: 10_000 }).toBe(true);
  expect(await ask()).toBe('HTTP/1.1 503');
  expect(await service.exited).toEqual({ code: 0, signal: null });
});

/** Connects; `ask` resolves with the first words of the answer, or with how it went wrong. */
async function openCaller(port: number, headers = ['Connection: close']) {
  let { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.on('data', (data) => resolve(data.toString().slice(0, 12)));
  socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(`broken off: ${code}`));
  socket.on('close', () => resolve('broken off: no answer'));
  const head = ['POST /execute/claude-stream HTTP/1.1', 'Host: localhost', 'Content-Type: application/json'];
  return {
    ask(body = '{"question":"demo:{\\"text\\":\\"x\\"}"}') {
      ({ promise, resolve } = Promise.withResolvers<string>());
      socket.write([...head, ...headers, `Content-Length: ${body.length}`, '', body].join('\r\n'));
      return promise;
    },
  };
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  } finally {
    // Whoever comes as the port is closed may be reset.
    socket.on('error', () => undefined).destroy();
  }
}
