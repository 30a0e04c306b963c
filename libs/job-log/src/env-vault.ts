/**
 * Keeps the environment variables that a client wants for its job from whoever reads Redis: sealed with a key of the services
 * (AES-256-GCM), and bound to the job, so that no other job's record can make use of them.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

type Env = Readonly<Record<string, string>>;

export type EnvVault = {
  seal(env: Env, jobId: string): string;
  /** Throws when it was sealed with another key or for another job, or changed. */
  open(sealed: string, jobId: string): Env;
  /** The same for the same variables; what they are cannot be guessed from it without the key. */
  fingerprint(env: Env): string;
};

const CIPHER = 'aes-256-gcm';
const FORM = 'v1';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param secret the services' own; any text, of which both keys are derived */
export function createEnvVault(secret: string): EnvVault {
  const sealing = derive(secret, 'seal env');
  const naming = derive(secret, 'fingerprint env');

  return {
    seal(env, jobId) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, sealing, nonce).setAAD(Buffer.from(jobId));
      const text = Buffer.concat([cipher.update(JSON.stringify(env)), cipher.final()]);
      return `${FORM}.${Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64')}`;
    },
    open(sealed, jobId) {
      const [form, base64 = ''] = sealed.split('.');
      if (form !== FORM) throw new Error('sealed in another form');
      const bytes = Buffer.from(base64, 'base64');
      const text = bytes.subarray(NONCE_BYTES + TAG_BYTES);
      const decipher = createDecipheriv(CIPHER, sealing, bytes.subarray(0, NONCE_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(Buffer.from(jobId)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
      return JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8'));
    },
    fingerprint(env) {
      const pairs = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
      return createHmac('sha256', naming).update(JSON.stringify(pairs)).digest('hex');
    },
  };
}

function derive(secret: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `cc-executor ${purpose}`, 32));
}
