/** A tenant beyond its rate: what it sends is hardly looked at, and another one at the same gateway does not notice. */
import type { Identity } from '@cc-executor/identity';
import { connectWire, type WireClient } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { provideRig, type Rig } from './harness.ts';

/** What the loud one may ask for in a minute. */
const RATE = 60;
/** Requests of one connection that are under way at once. */
const UNDER_WAY = 64;
/** In ms: for each request that is one too many. */
const HOLD_MS = 10;
const FRAMES = 500;

let rig: Rig;

provideRig((made) => {
  rig = made;
});

const keyring = {
  identify: (tenant: string): Identity => ({
    ...{ tenant, scopes: ['write'], who: tenant, proof: { kind: 'key', id: tenant, secret: '' } },
  }),
  standing: () => 'good' as const,
  termsOf: ({ tenant }: Identity) => ({ tenant: tenant === 'loud' ? { costPerMinute: RATE } : {} }),
};

test.each([
  ['asks', { method: 'get', params: { jobId: 'job_0123456789abcdef0123456789abcdef' } }],
  ['sends what asks for nothing there is', { method: 'nothing', params: {} }],
])('who %s beyond its rate is read slowly, and others are answered meanwhile', async (_, frame) => {
  const gateway = await rig.gateway({ keyring });
  const enter = async (tenant: string): Promise<WireClient> => {
    const client = await connectWire(gateway.url, { headers: { authorization: `Bearer ${tenant}` } });
    await client.until(({ method }) => method === 'connected');
    return client;
  };
  const [loud, quiet] = [await enter('loud'), await enter('quiet')];
  const answers = () => loud.messages.filter(({ error }) => error !== undefined).length;
  const sentAt = performance.now();
  for (let id = 1; id <= FRAMES; id += 1) loud.send(JSON.stringify({ jsonrpc: '2.0', id, ...frame }));
  for (let i = 0; i < 5; i += 1)
    expect((await quiet.request('me')).result).toMatchObject({ tenant: 'quiet' });
  expect(answers()).toBeLessThan(FRAMES / 2);

  const held = 40;
  await loud.until(() => answers() >= RATE + UNDER_WAY + held);
  expect(performance.now() - sentAt).toBeGreaterThan(held * HOLD_MS);
  // What it has sent besides would have to be read before its farewell.
  loud.socket.terminate();
  await quiet.close();
});
