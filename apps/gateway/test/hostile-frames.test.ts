/**
 * Frames that are made to break a gateway, at both doors of a gateway that is a process of its own: it answers each
 * under the request's own id where there is one, goes on, and serves others.
 */
import { mayReconnect } from '@cc-executor/protocol';
import {
  connectWire,
  type Message,
  needs,
  type ServiceProcess,
  startService,
  startTestRedis,
  type TestRedis,
  uniquePrefix,
  type WireClient,
} from '@cc-executor/testing';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createRig, type Rig } from './harness.ts';

/** Any character there is. The unit `binary` of fast-check first lists all of them: more than a second of work. */
const anyCharacter = fc
  .nat(0x10_ffff)
  .map((code) => String.fromCodePoint(code))
  .filter((text) => text.isWellFormed());

const nest = (depth: number, inside = '1') => `${'['.repeat(depth)}${inside}${']'.repeat(depth)}`;
const nestObjects = (depth: number) => `${'{"1":'.repeat(depth)}1${'}'.repeat(depth)}`;
const execute = (params: string, id = '"mine"') =>
  `{"jsonrpc":"2.0","id":${id},"method":"execute","params":${params}}`;

/** Name, frame, and the code that answers it at the native door. */
const hostile: [string, string, string][] = [
  [
    'metadata 60,000 deep with an integer-like key beside it',
    execute(`{"prompt":"x","metadata":{"7":1,"a":${nest(60_000)}}}`),
    'invalid_request',
  ],
  [
    'metadata of objects with integer-like keys, 20,000 deep',
    execute(`{"prompt":"x","metadata":${nestObjects(20_000)}}`),
    'invalid_request',
  ],
  ['an env that is as deep', execute(`{"prompt":"x","env":${nestObjects(20_000)}}`), 'invalid_request'],
  ['parameters that are as deep', execute(nest(60_000)), 'invalid_request'],
  ['an unknown parameter 33 deep', execute(`{"prompt":"x","y":${nest(31)}}`), 'invalid_request'],
  [
    'one value after another',
    execute(`{"prompt":"x","allowedTools":[${'0,'.repeat(100_000)}0]}`),
    'invalid_request',
  ],
  [
    'as many wrong values as a frame may hold',
    execute(`{"prompt":"x","allowedTools":[${'0,'.repeat(9_900)}0]}`),
    'invalid_params',
  ],
  [
    'an unknown name as long as the frame',
    execute(`{"prompt":"x","${'y'.repeat(200_000)}":1}`),
    'invalid_params',
  ],
  ['a name that stands twice', execute('{"prompt":"x","prompt":"y"}'), 'invalid_request'],
  ['a name that stands twice, once escaped', execute('{"prompt":"x","\\u0070rompt":"y"}'), 'invalid_request'],
  ['__proto__ as a name', execute('{"prompt":"x","metadata":{"__proto__":{"a":1}}}'), 'invalid_request'],
  ['half of a surrogate pair', execute('{"prompt":"\\ud83d"}'), 'invalid_request'],
  [
    'half of a surrogate pair in a name',
    execute('{"prompt":"x","metadata":{"\\udc00":1}}'),
    'invalid_request',
  ],
  ['a NUL in what is an argument', execute('{"prompt":"x","model":"a\\u0000b"}'), 'invalid_params'],
  [
    'an unknown method as long as the frame',
    `{"jsonrpc":"2.0","id":"mine","method":"${'m'.repeat(200_000)}"}`,
    'unknown_method',
  ],
];

const idless: [string, string][] = [
  ['an id beyond 2^53', execute('{"prompt":"x"}', '9007199254740993')],
  ['an id without end', execute('{"prompt":"x"}', '1e999')],
  ['an id that is a long text', execute('{"prompt":"x"}', `"${'i'.repeat(100_000)}"`)],
  ['an id 60,000 deep', execute('{"prompt":"x"}', nest(60_000))],
  ['a batch 60,000 deep', nest(60_000)],
];

let server: TestRedis;
let gateway: ServiceProcess;
let rig: Rig | undefined;
const clients: WireClient[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  gateway = await startService({
    app: 'gateway',
    env: { REDIS_URL: server.url, REDIS_KEY_PREFIX: uniquePrefix(), GATEWAY_PORT: '0' },
  });
});
afterAll(async () => {
  await gateway.stop();
  await server.close();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
  await rig?.close();
  rig = undefined;
});

async function connect(door: 'native' | 'dialect' = 'native'): Promise<WireClient> {
  const path = door === 'native' ? '/ws' : '/ws/mcp';
  const subprotocol = door === 'native' ? 'cc-executor.v1' : null;
  const client = await connectWire(`ws://127.0.0.1:${gateway.ready.port}${path}`, { subprotocol });
  clients.push(client);
  return client;
}

const isAnswer = ({ method }: Message) => method === undefined;

/** The gateway serves whoever is there, on the connection at hand and on a new one. */
async function expectAlive(...used: WireClient[]) {
  for (const client of [...used, await connect()]) {
    expect((await client.request('list')).result).toHaveProperty('jobs');
  }
}

describe('a frame with', () => {
  test.each(hostile)(
    '%s is answered under its own id, and the connection goes on',
    async (_name, frame, code) => {
      const client = await connect();
      client.send(frame);
      const answer = await client.until(isAnswer);
      expect(answer).toMatchObject({ id: 'mine', error: { data: { code } } });
      expect(answer.error.message.length).toBeLessThan(10_000);
      await expectAlive(client);
    },
  );

  test.each(idless)('%s is answered without an id, and the connection goes on', async (_name, frame) => {
    const client = await connect();
    client.send(frame);
    expect(await client.until(isAnswer)).toMatchObject({
      id: null,
      error: { data: { code: 'invalid_request' } },
    });
    await expectAlive(client);
  });

  test.each(hostile.slice(0, 4))('%s is answered at the dialect’s door, too', async (_name, frame) => {
    const client = await connect('dialect');
    client.send(frame);
    expect(await client.until(isAnswer)).toMatchObject({ id: 'mine', error: { code: -32000 } });
    await expectAlive();
  });

  test('metadata 32 deep, with keys of all kinds, is taken, and given back as it was', async () => {
    const client = await connect();
    const metadata = { 7: 1, '-1': 2, constructor: { toString: 1 }, a: JSON.parse(nest(29)), b: '\u{1f600}' };
    const { result } = await client.request('execute', { prompt: 'x', metadata, attach: false });
    expect((await client.request('get', { jobId: result.jobId })).result.metadata).toEqual(metadata);
  });
});

/** JSON text that is often no JSON of ours: depth beside integer-like names, names twice, halves of pairs, huge numbers. */
const anyText: fc.Arbitrary<string> = fc.letrec<{ value: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(
      '1e999',
      '-0',
      '9007199254740993',
      'null',
      '"\\ud800"',
      '"\\u0000"',
      '"2.0"',
      '"execute"',
      '"list"',
    ),
    fc.integer().map(String),
    fc.string().map((text) => JSON.stringify(text)),
    fc.tuple(fc.integer({ min: 1, max: 5_000 }), tie('value')).map(([depth, inside]) => nest(depth, inside)),
    fc.integer({ min: 1, max: 3_000 }).map(nestObjects),
    fc.array(tie('value'), { maxLength: 4 }).map((values) => `[${values.join(',')}]`),
    fc
      .array(
        fc.tuple(
          fc.oneof(
            fc.constantFrom(
              'jsonrpc',
              'id',
              'method',
              'params',
              'prompt',
              'metadata',
              'env',
              '__proto__',
              '0',
              '7',
            ),
            fc.string(),
          ),
          tie('value'),
        ),
        { maxLength: 6 },
      )
      .map((members) => `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(',')}}`),
  ),
})).value;
const anyFrame = fc.oneof(
  anyText,
  anyText.map((params) => execute(params)),
  anyText.map((metadata) => execute(`{"prompt":"x","attach":false,"metadata":${metadata}}`)),
  fc.tuple(anyText, fc.nat()).map(([text, cut]) => text.slice(0, cut % (text.length + 1))),
  fc.string({ unit: anyCharacter }),
);

test('no frame of thousands ends the gateway, and each request that can be read is answered', async (context) => {
  await needs('throughput')(context);
  const frames = fc.sample(anyFrame, 3_000);
  let client = await connect();
  let closes = 0;
  for (const [i, frame] of frames.entries()) {
    client.send(frame);
    if (i % 10 !== 9) continue;
    // Twenty malformed frames close a connection; nothing else does.
    const outcome = await Promise.race([client.request('list'), client.closed]).catch(() => client.closed);
    if ('code' in outcome) {
      expect(outcome).toEqual({ code: 4500, reason: 'protocol_violation' });
      closes += 1;
      client = await connect();
    }
  }
  expect(closes).toBeGreaterThan(0);
  await expectAlive();
});

describe('whatever is thrown for a connection', () => {
  test('closes that connection, resumably, when it is thrown while a request is answered', async () => {
    const cyclic: { self?: unknown } = {};
    cyclic.self = cyclic;
    rig = await createRig(server);
    const faulty = await rig.gateway({
      wrapLog: (log) => ({ ...log, list: async () => ({ jobs: [cyclic as never], cursor: undefined }) }),
    });
    const [one, other] = [await rig.connect(faulty), await rig.connect(faulty)];
    one.send('{"jsonrpc":"2.0","id":1,"method":"list"}');
    expect(await one.closed).toEqual({ code: 4003, reason: 'internal' });
    expect(mayReconnect(4003)).toBe(true);
    expect((await other.request('detach', { jobId: `job_${'0'.repeat(32)}` })).result).toEqual({});
  });

  test.each(['native', 'dialect'] as const)(
    'closes that connection when an event of its job cannot be read (%s)',
    async (door) => {
      rig = await createRig(server);
      const faulty = await rig.gateway({
        wrapLog: (log) => ({
          ...log,
          async range(...args) {
            const page = await log.range(...args);
            return (
              page && {
                ...page,
                batches: page.batches.map((batch) => ({
                  ...batch,
                  bodies: door === 'native' ? (Symbol('bodies') as never) : Buffer.from('no event'),
                })),
              }
            );
          },
        }),
      });
      const other = await rig.connect(faulty);
      const client = door === 'native' ? await rig.connect(faulty) : await rig.dialect(faulty);
      const params = door === 'native' ? { prompt: 'x' } : { command: 'x' };
      client.send(JSON.stringify({ jsonrpc: '2.0', method: 'execute', params }));
      expect(await client.closed).toEqual({ code: 4003, reason: 'internal' });
      expect((await other.request('list')).result.jobs).toHaveLength(1);
    },
  );
});
