/**
 * Idempotency keys in Redis. A key and its job's record stand in different slots, so no step changes both: time keeps them
 * together, and the record decides. Invariants:
 *   - a reserved job may be created in the first half of a window only (`create.lua` refuses it later), and a record lives
 *     for two windows at least: so without a record, within the window it was never created, and after it never will be;
 *   - a key whose job is gone, or was never created, is given to a new job: no job id runs a second time;
 *   - a key is kept for longer than its record, however long the job lives: the sweeper keeps it.
 */
import { createHash } from 'node:crypto';
import type { RedisConnection } from '@cc-executor/redis';
import type { Reservation } from './job-log.ts';
import type { Keys } from './keys.ts';
import { LONGEST_LIFE_MS } from './longest-life.ts';
import { defineScripts } from './scripts.ts';

type Options = { redis: RedisConnection; keys: Keys; retentionMs: number };

/** Whoever accepts needs milliseconds; its gateway may stand still in between, and nodes of a cluster differ in time. */
const MAX_WINDOW_MS = 30_000;

/** Makes `AcceptLog.reserve`. */
export function createReserve({ redis, keys, retentionMs }: Options) {
  const scripts = defineScripts(redis, 'reserve');
  const windowMs = Math.min(MAX_WINDOW_MS, retentionMs / 2);

  return async (
    tenant: string,
    idempotencyKey: string,
    jobId: string,
    hash: string,
  ): Promise<Reservation> => {
    const keyHash = createHash('sha256').update(idempotencyKey).digest('hex');

    async function ask(wanted: string, takesPlaceOf = '', since: number | '' = '') {
      const args = [wanted, hash, retentionMs + LONGEST_LIFE_MS, takesPlaceOf, since];
      const [value, now] = await scripts.reserve([keys.idempotency(tenant, keyHash)], args);
      // A gateway of an older version wrote no time.
      const [heldBy = '', heldHash = '', heldSince = 0] = String(value).split(' ');
      const createBefore = Number(heldSince) + windowMs / 2;
      const isOpen = Number(now) - Number(heldSince) < windowMs;
      const reservation = { jobId: heldBy, hash: heldHash, keyHash, createBefore };
      return { reservation, isOpen, value: String(value), now: Number(now) };
    }

    const held = await ask(jobId);
    const { reservation, isOpen, value, now } = held;
    if (reservation.jobId === jobId && now <= reservation.createBefore) return reservation;
    if ((await redis.exists(keys.record(reservation.jobId))) === 1) return reservation;
    if (!isOpen) return (await ask(jobId, value)).reservation;
    // Whoever reserved it is about to create it, or has died: who asks for the same may create it, too. Not from now on,
    // but from when the record was missing.
    if (reservation.hash === hash) return (await ask(reservation.jobId, value, now)).reservation;
    return reservation;
  };
}

/** Keeps the key of a job that is there. */
export async function keepReservation(
  { redis, keys, retentionMs }: Options,
  tenant: string,
  keyHash: string,
): Promise<void> {
  await redis.pexpire(keys.idempotency(tenant, keyHash), retentionMs + LONGEST_LIFE_MS);
}
