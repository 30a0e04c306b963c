import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { isWebhookSecret, signatureHeaders } from '../src/signature.ts';

const secretOf = (byte: number, length = 32) => `whsec_${Buffer.alloc(length, byte).toString('base64')}`;
const message = { id: 'evt_1', body: '{"type":"completed"}' };

test('the example of Standard Webhooks is signed as it is there', () => {
  const headers = signatureHeaders(
    { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', body: '{"test": 2432232314}', at: 1_614_265_330_999 },
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  );
  expect(headers).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('whoever knows one of the secrets can check it, and nobody else', () => {
  const headers = signatureHeaders({ ...message, at: Date.now() }, [secretOf(1), secretOf(2)]);
  for (const known of [secretOf(1), secretOf(2)]) {
    expect(new Webhook(known).verify(message.body, headers)).toEqual({ type: 'completed' });
  }
  expect(() => new Webhook(secretOf(3)).verify(message.body, headers)).toThrow();
  expect(() => new Webhook(secretOf(1)).verify(`${message.body} `, headers)).toThrow();
});

test.each([
  [secretOf(1, 24), true],
  [secretOf(1, 64), true],
  [secretOf(1, 23), false],
  [secretOf(1, 65), false],
  [secretOf(1).slice('whsec_'.length), false],
  [`${secretOf(1).slice(0, -1)}!`, false],
  ['whsec_', false],
])('%s is a secret: %s', (text, isOne) => {
  expect(isWebhookSecret(text)).toBe(isOne);
});
