/** Conformance: an idempotency key is its job's for exactly as long as that has a record. */
import { createEpoch, createJobId } from '@cc-executor/protocol';
import type { WholeLog } from '@cc-executor/testing';
import { expect, it } from 'vitest';
import type { Reservation } from '../../src/index.ts';
import { completed, newJob, TENANT, type Twin } from './twin.ts';

/** The twin keeps ended jobs for `RETENTION_MS`: a job is created within a quarter of it, a reservation lapses after half. */
export const RETENTION_MS = 4_000;

export function describeIdempotency(twin: () => Twin): void {
  const reserve = (key: string, hash = 'hash') => twin().log.reserve(TENANT, key, createJobId(), hash);

  async function create(log: WholeLog, reservation: Reservation) {
    return log.createReserved(newJob({ jobId: reservation.jobId }), reservation);
  }

  /** A job that the key stands for, and that has run. */
  async function endedJob(key: string): Promise<Reservation> {
    const { log } = twin();
    const reservation = await reserve(key);
    const { jobId } = reservation;
    expect(await create(log, reservation)).toMatchObject({ created: true });
    await log.begin(jobId, 10_000, 'worker-1');
    const end = { jobId, fence: 1, firstSeq: 2, bodies: [completed], hasOutput: false };
    await log.append({ ...end, terminal: 'completed' });
    return reservation;
  }

  it('stands for its job while that can be read, and for none afterwards, whatever the payload', async () => {
    const { log, pass } = twin();
    const [same, other] = [createEpoch(), createEpoch()];
    const [first, second] = [await endedJob(same), await endedJob(other)];
    await pass(RETENTION_MS / 2 + 100);
    expect(await reserve(same)).toMatchObject({ jobId: first.jobId });
    expect(await reserve(other, 'another')).toMatchObject({ jobId: second.jobId, hash: 'hash' });
    // Whoever looked before it was gone finds out when it asks for the job.
    expect(await create(log, await reserve(same))).toMatchObject({ created: false, status: 'completed' });
    const before = await reserve(same);
    await pass(RETENTION_MS / 2);
    expect(await create(log, before)).toBeUndefined();
    const again = [await reserve(same), await reserve(other, 'another')];
    for (const reservation of again) {
      expect([first.jobId, second.jobId]).not.toContain(reservation.jobId);
      expect(await create(log, reservation)).toMatchObject({ created: true });
    }
    expect(again[1]?.hash).toBe('another');
  });

  it('whose job is gone goes to one of many that ask at once', async () => {
    const key = createEpoch();
    const { jobId } = await endedJob(key);
    await twin().pass(RETENTION_MS + 10);
    const held = await Promise.all(Array.from({ length: 20 }, () => reserve(key)));
    expect(new Set(held.map((reservation) => reservation.jobId)).size).toBe(1);
    expect(held[0]?.jobId).not.toBe(jobId);
  });

  it('that was reserved by somebody who died stands for that job to whoever asks for the same', async () => {
    const { log } = twin();
    const key = createEpoch();
    const dead = await reserve(key);
    // With another payload it is taken for a moment: perhaps that job is being created now.
    expect(await reserve(key, 'another')).toMatchObject({ jobId: dead.jobId, hash: 'hash' });
    const next = await reserve(key);
    expect(next.jobId).toBe(dead.jobId);
    expect(await create(log, next)).toMatchObject({ created: true });
    expect(await create(log, dead)).toMatchObject({ created: false });
  });

  it('that was reserved and never used is free when its job cannot be created any more', async () => {
    const { log, pass } = twin();
    const key = createEpoch();
    const dead = await reserve(key);
    await pass(RETENTION_MS / 4 + 50);
    // Who comes to life again reserves again.
    expect(await create(log, dead)).toBeUndefined();
    expect(await log.get(TENANT, dead.jobId)).toBeUndefined();
    const again = await log.reserve(TENANT, key, dead.jobId, 'hash');
    expect(again.jobId).toBe(dead.jobId);
    await pass(RETENTION_MS / 2 + 50);
    const next = await reserve(key, 'another');
    expect(next).toMatchObject({ hash: 'another' });
    expect(next.jobId).not.toBe(dead.jobId);
    expect(await create(log, again)).toBeUndefined();
    expect(await create(log, next)).toMatchObject({ created: true });
  });

  it('stands for its job as long as that lives, however long', async () => {
    const { log, pass } = twin();
    const key = createEpoch();
    const reservation = await reserve(key);
    await create(log, reservation);
    await log.begin(reservation.jobId, 60_000, 'worker-1');
    await pass(RETENTION_MS + 100);
    expect(await reserve(key)).toMatchObject({ jobId: reservation.jobId });
    expect(await create(log, await reserve(key))).toMatchObject({ created: false, status: 'running' });
    expect(await reserve(key, 'another')).toMatchObject({ jobId: reservation.jobId, hash: 'hash' });
  });
}
