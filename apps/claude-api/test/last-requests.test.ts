/** A claude-api that goes away under load: whoever it does not serve can tell that nothing was begun. */
import { connect } from 'node:net';
import { startService } from '@cc-executor/testing';
import { expect, test } from 'vitest';

/** Without care one in about two is enough to break somebody off. */
const TIMES = 6;
const CALLS_EVERY_MS = 10;
const CALLS_AT_ONCE = 3;

type Ending = 'answered' | 'not connected' | `broken off: ${string}`;

test('one that stops answers everybody who has connected, and refuses the rest', {
  timeout: 60_000,
}, async () => {
  const endings = new Set<Ending>();
  for (let time = 0; time < TIMES; time += 1) {
    const service = await startService({
      app: 'claude-api',
      env: { CLAUDE_ENGINE: 'demo', CLAUDE_API_PORT: '0', CLAUDE_MAX_EXECUTIONS: '2' },
    });
    const calls: Promise<Ending>[] = [];
    const calling = setInterval(() => {
      calls.push(...Array.from({ length: CALLS_AT_ONCE }, () => call(Number(service.ready.port))));
    }, CALLS_EVERY_MS);
    while (calls.length < 30) await new Promise((resolve) => setTimeout(resolve, CALLS_EVERY_MS));
    service.kill('SIGTERM');
    expect(await service.exited).toEqual({ code: 0, signal: null });
    clearInterval(calling);
    for (const ending of await Promise.all(calls)) endings.add(ending);
  }
  expect([...endings].sort()).toEqual(['answered', 'not connected']);
});

async function call(port: number): Promise<Ending> {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  const body = JSON.stringify({ question: 'demo:{"text":"x","repeat":10,"delayMs":20}' });
  const socket = connect(port, '127.0.0.1');
  let isConnected = false;
  let ending: Ending | undefined;
  socket.on('connect', () => {
    isConnected = true;
    const head = [
      'POST /execute/claude-stream HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
    ];
    socket.write([...head, `Content-Length: ${body.length}`, 'Connection: close', '', body].join('\r\n'));
  });
  socket.on('data', () => {
    ending ??= 'answered';
  });
  socket.on('error', ({ code = '' }: NodeJS.ErrnoException) => {
    ending ??= isConnected ? `broken off: ${code}` : 'not connected';
  });
  socket.on('close', () => resolve(ending ?? 'broken off: no answer'));
  return promise;
}
