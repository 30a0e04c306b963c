import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { isWebhookSecret, signatureHeaders } from '../src/signature.ts';
import { tenantSecrets } from '../src/tenant-secrets.ts';

const [OLD, NEW] = [1, 2].map((byte) => `whsec_${Buffer.alloc(24, byte).toString('base64')}`) as [
  string,
  string,
];

test('tenants have secrets of their own, one for each of the operator, and the same everywhere', () => {
  const acme = tenantSecrets([OLD, NEW], 'acme', 0);
  expect(acme).toEqual(tenantSecrets([OLD, NEW], 'acme', 0));
  expect(acme.every(isWebhookSecret)).toBe(true);
  const all = [
    ...acme,
    ...tenantSecrets([OLD, NEW], 'acm', 0),
    ...tenantSecrets([OLD, NEW], 'acme', 1_795_468_094_193),
    ...[OLD, NEW],
  ];
  expect(new Set(all).size).toBe(8);
});

test('receivers check by the one of their tenant what was signed with it, and nothing of another', () => {
  const [acme, rival] = ['acme', 'rival'].map((tenant) => tenantSecrets([OLD], tenant, 0)) as [
    string[],
    string[],
  ];
  const body = '{"type":"completed"}';
  const headers = signatureHeaders({ id: 'evt_1', body, at: Date.now() }, acme);
  expect(new Webhook(acme[0]!).verify(body, headers)).toEqual({ type: 'completed' });
  for (const other of [rival[0]!, OLD]) expect(() => new Webhook(other).verify(body, headers)).toThrow();
});
