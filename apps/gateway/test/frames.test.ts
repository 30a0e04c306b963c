import { randomUUID } from 'node:crypto';
import { MAX_FRAME_BYTES, MAX_PROMPT_LENGTH } from '@cc-executor/protocol';
import { startTestRedis, type TestRedis, type WireClient } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createRig, type Rig, type TestGateway, untilTrue } from './harness.ts';

let server: TestRedis;
let rig: Rig;
let gateway: TestGateway;
let client: WireClient;

beforeAll(async () => {
  server = await startTestRedis();
});
afterAll(() => server.close());
beforeEach(async () => {
  rig = await createRig(server);
  gateway = await rig.gateway();
  client = await rig.connect(gateway);
});
afterEach(() => rig.close());

/** The answers so far that carry no usable id, once a request sent after them is answered. */
async function answersWithoutId() {
  await client.request('list');
  return client.messages.filter(({ id, error }) => id === null || (error && id === undefined));
}

test('what is not JSON is a parse_error with id null', async () => {
  client.send('{"jsonrpc"');
  const [answer] = await answersWithoutId();
  expect(answer).toMatchObject({
    id: null,
    error: { code: -32700, data: { code: 'parse_error', retryable: false } },
  });
});

test.each([
  ['a batch', '[{"jsonrpc":"2.0","id":1,"method":"list"}]'],
  ['an empty batch', '[]'],
  ['a number', '5'],
  ['null', 'null'],
  ['a frame without a method', '{"jsonrpc":"2.0"}'],
  ['another version', '{"jsonrpc":"1.0","method":"list"}'],
  ['an invalid id', '{"jsonrpc":"2.0","id":{},"method":"list"}'],
])('%s is an invalid_request with id null', async (_name, frame) => {
  client.send(frame);
  const [answer] = await answersWithoutId();
  expect(answer).toMatchObject({
    id: null,
    error: { code: -32600, data: { code: 'invalid_request', retryable: false } },
  });
});

test('a malformed frame whose id can be read is answered under that id', async () => {
  client.send('{"jsonrpc":"2.0","id":"mine"}');
  const answer = await client.until(({ id }) => (id as unknown) === 'mine');
  expect(answer.error.data.code).toBe('invalid_request');
});

test('an unknown method is answered with the methods there are', async () => {
  const { error } = await client.request('toString');
  expect(error).toMatchObject({ code: -32601, data: { code: 'unknown_method', retryable: false } });
  expect(error.message).toContain('execute');
});

test('a notification is carried out and gets no answer, not even an error', async () => {
  const jobId = await rig.createJob();
  client.send(`{"jsonrpc":"2.0","method":"cancel","params":{"jobId":"${jobId}"}}`);
  client.send('{"jsonrpc":"2.0","method":"no_such_method"}');
  client.send('{"jsonrpc":"2.0","method":"attach","params":{"jobId":1}}');
  client.send(
    '{"jsonrpc":"2.0","method":"attach","params":{"jobId":"job_00000000000000000000000000000000"}}',
  );
  expect(await answersWithoutId()).toEqual([]);
  expect((await client.request('get', { jobId })).result.status).toBe('cancelled');
});

test('an id of any allowed kind comes back as it was', async () => {
  for (const id of ['text', 0, -1, 1.5]) {
    client.send(JSON.stringify({ jsonrpc: '2.0', id, method: 'list' }));
    const answer = await client.until((message) => (message.id as unknown) === id);
    expect(answer.result).toEqual({ jobs: [] });
  }
});

test('a binary frame is answered under its id', async () => {
  client.socket.send(Buffer.from('{"jsonrpc":"2.0","id":"mine","method":"list"}'));
  const answer = await client.until(({ id }) => (id as unknown) === 'mine');
  expect(answer.error.data.code).toBe('invalid_request');
  expect(answer.error.message).toContain('Binary');
});

test('a frame above the limit is answered under its id; one twice as large closes with 1009', async () => {
  const frame = (bytes: number) => `{"jsonrpc":"2.0","id":"x","method":"list"}`.padEnd(bytes);
  client.send(frame(MAX_FRAME_BYTES));
  expect((await client.until(({ id }) => (id as unknown) === 'x')).result.jobs).toEqual([]);
  client.send(frame(MAX_FRAME_BYTES + 1).replace('"x"', '"y"'));
  const answer = await client.until(({ id }) => (id as unknown) === 'y');
  expect(answer.error.data.code).toBe('invalid_request');
  expect(answer.error.message).toContain(String(MAX_FRAME_BYTES));
  client.send(frame(2 * MAX_FRAME_BYTES + 1));
  expect((await client.closed).code).toBe(1009);
});

test.each([
  [
    'in front',
    (bytes: number) => `{"id":"mine","jsonrpc":"2.0","method":"execute","params":"${'x'.repeat(bytes)}"}`,
  ],
  [
    'behind all else',
    (bytes: number) => `{"jsonrpc":"2.0","method":"execute","params":"${'x'.repeat(bytes)}","id":"mine"}`,
  ],
])('a frame above the limit is answered under its id also when that stands %s', async (_where, frame) => {
  client.send(frame(MAX_FRAME_BYTES));
  const answer = await client.until(({ id, error }) => error !== undefined && (id as unknown) !== undefined);
  expect(answer).toMatchObject({ id: 'mine', error: { data: { code: 'invalid_request' } } });
});

test.each([
  ['of one byte each', 'a'],
  ['of two bytes', 'ж'],
  ['of three bytes', '字'],
  ['that are control characters, which JSON escapes', '\u0001'],
  ['that take a surrogate pair', '😀'],
])('the longest prompt, of characters %s, is taken, also when each is escaped', async (_name, character) => {
  const prompt = character.repeat(MAX_PROMPT_LENGTH / character.length);
  const plain = JSON.stringify(prompt);
  const escaped = `"${prompt.replaceAll(/./gs, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
  for (const [id, text] of Object.entries({ plain, escaped })) {
    client.send(
      `{"jsonrpc":"2.0","id":"${id}","method":"execute","params":{"prompt":${text},"attach":false}}`,
    );
    const answer = await client.until((message) => (message.id as unknown) === id);
    const begun = await rig.log.begin(answer.result.jobId, 60_000, randomUUID());
    expect('attempt' in begun && begun.attempt.spec.prompt === prompt).toBe(true);
  }
});

test('a message in more fragments than one needs closes with 1008', async () => {
  for (let i = 0; i < 600; i += 1) client.socket.send(' ', { fin: false });
  expect((await client.closed).code).toBe(1008);
});

test('the twentieth malformed frame closes the connection with 4500', async () => {
  for (let i = 0; i < 19; i += 1) client.send('no json');
  expect(await answersWithoutId()).toHaveLength(19);
  client.send('no json');
  expect(await client.closed).toEqual({ code: 4500, reason: 'protocol_violation' });
});

test('a client that does not take its leave after that is cut off', async () => {
  client.socket.pause();
  for (let i = 0; i < 20; i += 1) client.send('no json');
  await untilTrue(() => gateway.connections() === 0);
});

test('faults in well-formed requests do not count as malformed', async () => {
  const errors = await Promise.all(Array.from({ length: 30 }, () => client.request('nothing')));
  expect(errors.every(({ error }) => error.data.code === 'unknown_method')).toBe(true);
  expect(client.socket.readyState).toBe(client.socket.OPEN);
});

test('more requests at once than are taken at once are all answered', async () => {
  const answers = await Promise.all(Array.from({ length: 500 }, () => client.request('list')));
  expect(answers.every(({ result }) => result)).toBe(true);
});
