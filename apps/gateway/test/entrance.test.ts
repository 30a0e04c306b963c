/** How long a refusal is kept back: by where it comes from, and by the key that was tried. */
import type { IncomingMessage } from 'node:http';
import { Writable } from 'node:stream';
import { createFailedLogins, type FailedLogins } from '@cc-executor/identity';
import { ProtocolError } from '@cc-executor/protocol';
import { createLogger } from '@cc-executor/runtime';
import { expect, test } from 'vitest';
import { createEntrance } from '../src/identity/entrance.ts';

const KEY = 'key_0123456789abcdef';
const SECRET = 'a-secret-that-is-wrong';

function openEntrance() {
  const lines: Record<string, unknown>[] = [];
  const held: number[] = [];
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const failedLogins: FailedLogins = {
    ...createFailedLogins(),
    holdBack: async (delayMs) => void held.push(delayMs),
  };
  const enter = createEntrance({
    authenticator: {
      identify: () => Promise.reject(new ProtocolError('unauthenticated')),
      standing: () => 'good',
      termsOf: () => ({ tenant: {} }),
    },
    failedLogins,
    failedKeys: createFailedLogins(),
    sourceOf: ({ headers }) => String(headers['x-source']),
    logger: createLogger({ name: 'test', level: 'error', format: 'json', stream }),
  });
  const fail = async (source: string, authorization?: string) => {
    const request = { headers: { 'x-source': source, authorization } } as unknown as IncomingMessage;
    await expect(enter(request, 'http')).rejects.toMatchObject({ code: 'unauthenticated' });
  };
  return { fail, held, lines };
}

test('grows with each failure for one key, from wherever they come, there or not, and for no other', async () => {
  const { fail, held } = openEntrance();
  for (const source of ['1.1.1.1', '2.2.2.2', '3.3.3.3']) await fail(source, `Bearer ${KEY}.${SECRET}`);
  await fail('4.4.4.4', `Bearer key_ffffffffffffffff.${SECRET}`);
  await fail('5.5.5.5');
  expect(held).toEqual([50, 100, 200, 50, 50]);
});

test('is told with the source and the id of the key, and nothing else of what was shown', async () => {
  const { fail, lines } = openEntrance();
  await fail('1.1.1.1', `Bearer ${KEY}.${SECRET}`);
  await fail('1.1.1.1', `Bearer ${SECRET}`);
  await fail('1.1.1.1', `Basic ${KEY}.${SECRET}`);
  expect(lines).toMatchObject([
    { event: 'login_failed', source: '1.1.1.1', key: KEY, delayMs: 50 },
    { event: 'login_failed', delayMs: 100 },
    { event: 'login_failed', delayMs: 200 },
  ]);
  expect(lines.slice(1).every(({ key }) => key === undefined)).toBe(true);
  expect(JSON.stringify(lines)).not.toContain(SECRET);
});
