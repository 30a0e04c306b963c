/**
 * Who has signed in: for each session its key, which never leaves this process but for a gateway. A browser has a random name of it, and
 * here is only the digest of that. Sessions end with their time, with the process, and, beyond a bound, with the newest that begin:
 * of one key first, so that who has it ends no session of others.
 */
import { createHash, randomBytes } from 'node:crypto';

export type Sessions = {
  /** Begins one; returns its name. */
  begin(key: string): string;
  keyOf(name: string): string | undefined;
  /** Idempotent. */
  end(name: string): void;
};

const MAX_SESSIONS = 1_000;
const MAX_OF_KEY = 50;

/** @param options.now in ms, never going back */
export function createSessions({
  lifeMs,
  now = () => performance.now(),
}: {
  lifeMs: number;
  now?: () => number;
}): Sessions {
  /** All live equally long: the one that ends first comes first. */
  const sessions = new Map<string, { key: string; endsAt: number }>();

  return {
    begin(key) {
      const own = [...sessions].flatMap(([digest, session]) => (session.key === key ? [digest] : []));
      for (const digest of own.slice(0, 1 - MAX_OF_KEY)) sessions.delete(digest);
      for (const [digest, { endsAt }] of sessions) {
        if (endsAt > now() && sessions.size < MAX_SESSIONS) break;
        sessions.delete(digest);
      }
      const name = randomBytes(32).toString('base64url');
      sessions.set(digestOf(name), { key, endsAt: now() + lifeMs });
      return name;
    },
    keyOf(name) {
      const session = sessions.get(digestOf(name));
      return session && session.endsAt > now() ? session.key : undefined;
    },
    end: (name) => void sessions.delete(digestOf(name)),
  };
}

function digestOf(name: string): string {
  return createHash('sha256').update(name).digest('hex');
}
