/** The secrets of a tenant's webhooks: whom they are shown to, and how they change. */
import type { Identity, Scope } from '@cc-executor/identity';
import { beforeEach, describe, expect, test } from 'vitest';
import { operatorsOfWebhooks, secretsOf } from './fixtures/webhook-secrets.ts';
import { provideRig, type Rig, type TestGateway } from './harness.ts';

const [OLD, NEW] = [1, 2].map((byte) => `whsec_${Buffer.alloc(32, byte).toString('base64')}`) as [
  string,
  string,
];
const DAY_MS = 24 * 60 * 60_000;

let rig: Rig;
let gateway: TestGateway;
provideRig((made) => {
  rig = made;
});

/** Tokens are `tenant:scope`, with the job that alone is seen behind it. */
const keyring = {
  identify(token: string): Identity {
    const [tenant = '', scope, jobId] = token.split(':');
    const proof = { kind: 'key', id: 'key_0', secret: '' } as const;
    return { tenant, scopes: [scope as Scope], who: token, proof, ...(jobId && { jobId }) };
  },
  standing: () => 'good' as const,
  termsOf: () => ({ tenant: {} }),
};

beforeEach(async () => {
  gateway = await rig.gateway({ keyring });
});

const ask = (token: string, body?: object) =>
  fetch(`http://127.0.0.1:${gateway.port}/v1/webhook-secrets${body ? '/rotate' : ''}`, {
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
const secrets = async (token: string, body?: object) =>
  (await (await ask(token, body)).json()).secrets as { secret: string; until?: number }[];
const signing = (tenant: string, operators = operatorsOfWebhooks) =>
  secretsOf({ redis: gateway.redis, keys: rig.keys }, true, operators).signing(tenant);

describe('the secret of a tenant', () => {
  test('is its own, is what its webhooks are signed with, and is kept nowhere', async () => {
    const [[acme], [rival]] = [await secrets('acme:write'), await secrets('rival:admin')];
    expect(acme?.secret).not.toBe(rival?.secret);
    expect(await signing('acme')).toEqual([acme?.secret]);
    await secrets('acme:write', {});
    const kept = JSON.stringify(await gateway.redis.hgetall(rig.keys.webhookDraws));
    for (const { secret } of await secrets('acme:write')) expect(kept).not.toContain(secret.slice(6));
  });

  test.each(['acme:read', 'acme:write:job_00000000000000000000000000000000'])(
    'is not shown to %s, nor changed by it',
    async (token) => {
      for (const body of [undefined, {}]) {
        const answer = await ask(token, body);
        expect([answer.status, (await answer.json()).code]).toEqual([403, 'forbidden']);
      }
    },
  );

  test('changes, and that of before signs, too, for as long as is asked', async () => {
    const [first] = await secrets('acme:write');
    const rotated = await secrets('acme:write', {});
    expect(rotated).toEqual([
      { secret: expect.not.stringMatching(first!.secret) },
      { secret: first?.secret, until: expect.any(Number) },
    ]);
    expect(rotated[1]!.until! - Date.now()).toSatisfy((left: number) => Math.abs(left - DAY_MS) < 10_000);
    expect(await secrets('acme:write')).toEqual(rotated);
    expect(await signing('acme')).toEqual(rotated.map(({ secret }) => secret));
    // Of those before that one none signs any more, and of one that became known none at once.
    const again = await secrets('acme:write', {});
    expect(again.map(({ secret }) => secret)).toEqual([expect.any(String), rotated[0]!.secret]);
    const [only, ...none] = await secrets('acme:write', { overlapMs: 0 });
    expect(none).toEqual([]);
    expect(again.map(({ secret }) => secret)).not.toContain(only?.secret);
    expect(await signing('acme')).toEqual([only?.secret]);
    expect((await ask('acme:write', { overlapMs: 31 * DAY_MS })).status).toBe(400);
  });

  test('of before ends when it was said to', async () => {
    await secrets('acme:write', { overlapMs: 1 });
    await expect.poll(() => signing('acme')).toHaveLength(1);
  });

  test("changes with the operator's, whose new one comes first while both sign", async () => {
    const [first] = await secrets('acme:write');
    const both = await signing('acme', [OLD, NEW]);
    expect(both).toEqual([(await signing('acme', [NEW]))[0], first?.secret]);
  });
});

test("where nobody is asked the operator's own sign, and are shown to nobody", async () => {
  const place = { redis: gateway.redis, keys: rig.keys };
  expect(await secretsOf(place, false, [OLD, NEW]).signing('default')).toEqual([NEW, OLD]);
  await expect(secretsOf(place, false, [OLD]).shown('default')).rejects.toMatchObject({ code: 'forbidden' });
  await expect(secretsOf(place, true, undefined).shown('acme')).rejects.toMatchObject({
    code: 'webhooks_off',
  });
});
