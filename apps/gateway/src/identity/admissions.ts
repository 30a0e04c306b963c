/** Those who are in: each is put out when what let it in has expired, or was revoked. */
import type { Identity } from '@cc-executor/identity';
import type { CloseReason } from '@cc-executor/protocol';
import type { Authenticator } from './authenticator.ts';

export type Admissions = {
  /** Watches one who came in; `end`, which no other has, is called once, should it have to go. */
  add(identity: Identity, end: End): void;
  /** The one with this `end` leaves by itself. */
  remove(end: End): void;
  /** Idempotent. */
  close(): void;
};

type End = (reason: CloseReason) => void;

/** @param options.everyMs how often all are looked at */
export function createAdmissions({
  authenticator,
  everyMs,
}: {
  authenticator: Pick<Authenticator, 'standing'>;
  everyMs: number;
}): Admissions {
  const admitted = new Map<End, Identity>();

  function look(): void {
    for (const [end, identity] of admitted) {
      const standing = authenticator.standing(identity);
      if (standing === 'good') continue;
      admitted.delete(end);
      end(standing === 'expired' ? 'login_expired' : 'login_revoked');
    }
  }

  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    add(identity, end) {
      if (identity.proof.kind !== 'none') admitted.set(end, identity);
    },
    remove: (end) => void admitted.delete(end),
    close: () => clearInterval(timer),
  };
}
