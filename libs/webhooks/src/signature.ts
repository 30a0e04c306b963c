/**
 * Signatures of Standard Webhooks (v1, HMAC-SHA256): over id, time and body, by each secret, so that a receiver who knows
 * any one of them can check it while secrets are changed.
 */
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** Whether a text is `whsec_` and 24 to 64 bytes in base64. */
export function isWebhookSecret(text: string): boolean {
  const base64 = text.slice(PREFIX.length);
  const { length } = Buffer.from(base64, 'base64');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(base64) && base64.length % 4 === 0;
  return text.startsWith(PREFIX) && isBase64 && length >= MIN_BYTES && length <= MAX_BYTES;
}

export function bytesOfSecret(secret: string): Buffer {
  return Buffer.from(secret.slice(PREFIX.length), 'base64');
}

export function secretOfBytes(bytes: Buffer): string {
  return `${PREFIX}${bytes.toString('base64')}`;
}

/**
 * The headers that prove who sent a message, and when.
 *
 * @param secrets each a `isWebhookSecret`
 * @param message.at Unix time in ms
 */
export function signatureHeaders(
  message: { id: string; body: string; at: number },
  secrets: readonly string[],
): Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string> {
  const { id, body, at } = message;
  const timestamp = String(Math.floor(at / 1_000));
  const sign = (secret: string) =>
    createHmac('sha256', bytesOfSecret(secret)).update(`${id}.${timestamp}.${body}`).digest('base64');
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => `v1,${sign(secret)}`).join(' '),
  };
}
