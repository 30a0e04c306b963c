/**
 * Who has signed in, where dashboards share a key: the session stands in its cookie, sealed (AES-256-GCM), and is good at each of them and after
 * a restart. What no process keeps none can end for all: one that somebody signed out of is over where they did so, and elsewhere with its
 * time, or its key. A token that is too long for a cookie has a session of this process's own.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import type { Sessions } from './sessions.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = 'cc-executor sessions of the dashboard';
/** Browsers keep no cookie above 4,096 bytes, with its name and what else is said of it. */
const MAX_LENGTH = 3_800;
/** Sessions that were signed out of and are remembered. */
const MAX_ENDED = 10_000;

type Sealed = { id: string; key: string; endsAt: number };

/**
 * @param options.secrets at least one, any texts: the first seals, each opens
 * @param options.own sessions of this process
 * @param options.now Unix ms
 */
export function createSealedSessions({
  secrets,
  lifeMs,
  own,
  now = Date.now,
}: {
  secrets: readonly string[];
  lifeMs: number;
  own: Sessions;
  now?: () => number;
}): Sessions {
  const keys = secrets.map((secret) => Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, 32)));
  const [first] = keys;
  if (first === undefined) throw new Error('sessions are sealed with a key');
  /** By id, the one that was ended first comes first. */
  const ended = new Set<string>();

  function seal(session: Sealed): string {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, first as Buffer, nonce);
    const text = Buffer.concat([cipher.update(JSON.stringify(session)), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]).toString('base64url');
  }

  function openWith(key: Buffer, bytes: Buffer): Sealed | undefined {
    const [nonce, tag] = [
      bytes.subarray(0, NONCE_BYTES),
      bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES),
    ];
    try {
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES }).setAuthTag(tag);
      const text = Buffer.concat([
        decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)),
        decipher.final(),
      ]);
      return JSON.parse(text.toString('utf8')) as Sealed;
    } catch {
      return undefined;
    }
  }

  function open(name: string): Sealed | undefined {
    const bytes = Buffer.from(name, 'base64url');
    for (const key of keys) {
      const session = openWith(key, bytes);
      if (session) return session;
    }
    return undefined;
  }

  return {
    begin(key) {
      const session = { id: randomBytes(16).toString('base64url'), key, endsAt: now() + lifeMs };
      const name = seal(session);
      return name.length > MAX_LENGTH ? own.begin(key) : name;
    },
    keyOf(name) {
      const session = open(name);
      if (session === undefined) return own.keyOf(name);
      return session.endsAt > now() && !ended.has(session.id) ? session.key : undefined;
    },
    end(name) {
      const session = open(name);
      if (session === undefined) return own.end(name);
      ended.add(session.id);
      const [oldest] = ended;
      if (ended.size > MAX_ENDED && oldest !== undefined) ended.delete(oldest);
    },
  };
}
