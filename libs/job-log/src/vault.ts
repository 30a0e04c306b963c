/**
 * Keeps what a client entrusts to its job (environment variables, attachments) from whoever reads Redis: sealed with a key of
 * the services (AES-256-GCM), and bound to the job, so that no other job's record can make use of it.
 * There may be several keys while they are changed: the first seals, and each opens what it has sealed, by its name.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { ExecuteParams } from '@cc-executor/protocol';

/** The parameters that are sealed. */
export type Secrets = Pick<ExecuteParams, 'env' | 'attachments'>;

export type Vault = {
  seal(secrets: Secrets, jobId: string): string;
  /** Throws, with the reason in words, when the key is not there, or when it was changed or sealed for another job. */
  open(sealed: string, jobId: string): Secrets;
  /**
   * By each key, the sealing one first: the same for the same secrets; what they are cannot be guessed from it without
   * the key.
   */
  fingerprints(secrets: Secrets): string[];
};

const CIPHER = 'aes-256-gcm';
const FORM = 'v2';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const NAME_BYTES = 4;

/** @param secrets the services' own, at least one; any texts, of each of which all else is derived */
export function createVault(secrets: readonly string[]): Vault {
  const keys = secrets.map((secret) => ({
    name: derive(secret, 'name', NAME_BYTES).toString('hex'),
    sealing: derive(secret, 'seal'),
    naming: derive(secret, 'fingerprint'),
  }));
  const first = keys[0];
  if (first === undefined) throw new Error('a vault needs a key');

  return {
    seal(secrets, jobId) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, first.sealing, nonce).setAAD(Buffer.from(jobId));
      const text = Buffer.concat([cipher.update(JSON.stringify(secrets)), cipher.final()]);
      const bytes = Buffer.concat([nonce, cipher.getAuthTag(), text]);
      return `${FORM}.${first.name}.${bytes.toString('base64')}`;
    },
    open(sealed, jobId) {
      const [form, name, base64 = ''] = sealed.split('.');
      if (form !== FORM) throw new Error('it is sealed in another form');
      const key = keys.find((each) => each.name === name);
      if (key === undefined) {
        throw new Error(`the key ${name} is not among ${keys.map((each) => each.name).join(', ')}`);
      }
      const bytes = Buffer.from(base64, 'base64');
      const text = bytes.subarray(NONCE_BYTES + TAG_BYTES);
      try {
        const decipher = createDecipheriv(CIPHER, key.sealing, bytes.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(Buffer.from(jobId)).setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
        return JSON.parse(Buffer.concat([decipher.update(text), decipher.final()]).toString('utf8'));
      } catch {
        throw new Error('it was changed, or is of another job');
      }
    },
    fingerprints({ env = {}, attachments = [] }) {
      const pairs = Object.entries(env).sort(([a], [b]) => (a < b ? -1 : 1));
      const files = attachments.map(({ mediaType, data }) => [mediaType, data]);
      const text = JSON.stringify([pairs, files]);
      return keys.map(({ naming }) => createHmac('sha256', naming).update(text).digest('hex'));
    },
  };
}

function derive(secret: string, purpose: string, bytes = 32): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `cc-executor ${purpose} secrets`, bytes));
}
