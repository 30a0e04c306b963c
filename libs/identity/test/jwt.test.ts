import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { createJwtCheck, IssuerUnavailableError } from '../src/jwt.ts';

const { publicKey, privateKey } = await generateKeyPair('ES256');
const jwk = { ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' };
const now = () => Math.floor(Date.now() / 1_000);

const OPTIONS = {
  issuer: 'https://issuer.example',
  audience: 'jobs',
  algorithms: ['ES256'],
  tenantClaim: 'tenant',
  scopeClaim: 'scope',
  limitsClaim: 'limits',
};
const GOOD = { iss: OPTIONS.issuer, aud: 'jobs', sub: 'ada', tenant: 'acme', scope: 'openid write' };

function sign(claims: JWTPayload, { key = privateKey, kid = 'one' } = {}): Promise<string> {
  return new SignJWT({ exp: now() + 60, ...claims }).setProtectedHeader({ alg: 'ES256', kid }).sign(key);
}

function checkWith(keys: object) {
  const folder = mkdtempSync(join(tmpdir(), 'jwks-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const jwks = join(folder, 'jwks.json');
  writeFileSync(jwks, JSON.stringify(keys));
  return { ...createJwtCheck({ ...OPTIONS, jwks }), jwks };
}

test('tenant, scopes and subject are those of the claims, until it expires', async () => {
  const { identify, standing, termsOf } = checkWith({ keys: [jwk] });
  const identity = await identify(await sign(GOOD));
  if (identity === undefined) throw new Error('it was good');
  expect(identity).toMatchObject({ tenant: 'acme', scopes: ['write'], who: 'ada' });
  expect(standing(identity)).toBe('good');
  expect(standing({ ...identity, proof: { kind: 'jwt', expiresAt: Date.now() - 2_001 } })).toBe('expired');
  expect(await identify(await sign({ ...GOOD, exp: now() - 1 }))).toBeDefined();
  expect(await identify(await sign({ ...GOOD, scope: ['read', 'admin'] }))).toMatchObject({
    scopes: ['read', 'admin'],
  });
  const limited = await identify(await sign({ ...GOOD, limits: { jobs: 10 } }));
  expect(limited && termsOf(limited)).toEqual({ tenant: { jobs: 10 } });
  expect(termsOf(identity)).toEqual({ tenant: {} });
});

test.each<[string, JWTPayload]>([
  ['another issuer', { ...GOOD, iss: 'https://other.example' }],
  ['another audience', { ...GOOD, aud: 'others' }],
  ['expired', { ...GOOD, exp: now() - 5 }],
  ['not good yet for long', { ...GOOD, nbf: now() + 40 }],
  ['not good yet', { ...GOOD, nbf: now() + 60 }],
  ['without a tenant', { ...GOOD, tenant: undefined }],
  ['with a tenant that is no name', { ...GOOD, tenant: 'a:{b}' }],
  ['without a scope of ours', { ...GOOD, scope: 'openid' }],
  ['with limits that cannot be read', { ...GOOD, limits: { jobs: 'ten' } }],
])('one that is of %s is nobody’s', async (_name, claims) => {
  expect(await checkWith({ keys: [jwk] }).identify(await sign(claims))).toBeUndefined();
});

test('one that is not signed as it must be is nobody’s', async () => {
  const { identify } = checkWith({ keys: [jwk] });
  const other = await generateKeyPair('ES256');
  const unsigned = new UnsecuredJWT({ ...GOOD, exp: now() + 60 }).encode();
  const byPublicKey = await new SignJWT({ ...GOOD, exp: now() + 60 })
    .setProtectedHeader({ alg: 'HS256', kid: 'one' })
    .sign(new TextEncoder().encode(JSON.stringify(jwk)));
  const wrong = [
    unsigned,
    byPublicKey,
    await sign(GOOD, { key: other.privateKey }),
    await sign(GOOD, { kid: 'two' }),
    '',
    'a.b.c',
  ];
  for (const token of wrong) expect(await identify(token)).toBeUndefined();
});

test('a file of keys that is changed is read again, and one that is not there lets nobody in', async () => {
  const { identify, jwks } = checkWith({ keys: [] });
  expect(await identify(await sign(GOOD))).toBeUndefined();
  writeFileSync(jwks, JSON.stringify({ keys: [jwk] }));
  expect(await identify(await sign(GOOD))).toBeDefined();
  rmSync(jwks);
  await expect(identify(await sign(GOOD))).rejects.toThrow(IssuerUnavailableError);
});

test('keys behind an address are fetched once for many unknown ones; an issuer that is away lets nobody in', async () => {
  let asked = 0;
  let status = 500;
  const server = createServer((_request, response) => {
    asked += 1;
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] }));
  }).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  const { identify } = createJwtCheck({ ...OPTIONS, jwks: `http://127.0.0.1:${port}/jwks` });
  await expect(identify(await sign(GOOD))).rejects.toThrow(IssuerUnavailableError);
  status = 200;
  expect(await identify(await sign(GOOD))).toBeDefined();
  const before = asked;
  for (let count = 0; count < 20; count += 1)
    expect(await identify(await sign(GOOD, { kid: `k${count}` }))).toBeUndefined();
  expect(asked - before).toBeLessThanOrEqual(1);
});
