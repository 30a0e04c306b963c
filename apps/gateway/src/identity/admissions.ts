/** Those who are in: each is put out when what let it in has expired, or was revoked. */
import type { Identity } from '@cc-executor/identity';
import type { CloseReason } from '@cc-executor/protocol';
import type { Authenticator } from './authenticator.ts';

export type Admissions = {
  /** Watches one who came in; `end` is called once, should it have to go. Returns what lets it leave by itself. */
  add(identity: Identity, end: (reason: CloseReason) => void): () => void;
  /** Idempotent. */
  close(): void;
};

type Admission = { identity: Identity; end: (reason: CloseReason) => void };

/** @param options.everyMs how often all are looked at */
export function createAdmissions({
  authenticator,
  everyMs,
}: {
  authenticator: Pick<Authenticator, 'standing'>;
  everyMs: number;
}): Admissions {
  const admitted = new Set<Admission>();

  function look(): void {
    for (const admission of admitted) {
      const standing = authenticator.standing(admission.identity);
      if (standing === 'good') continue;
      admitted.delete(admission);
      admission.end(standing === 'expired' ? 'login_expired' : 'login_revoked');
    }
  }

  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    add(identity, end) {
      if (identity.proof.kind === 'none') return () => undefined;
      const admission = { identity, end };
      admitted.add(admission);
      return () => void admitted.delete(admission);
    },
    close: () => clearInterval(timer),
  };
}
