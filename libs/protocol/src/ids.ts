/**
 * Identifiers. A job id carries 128 random bits, so that it can be neither guessed nor met twice; it has no
 * ':' and is no integer, because BullMQ refuses such ids.
 */
import { z } from 'zod';

export const jobIdSchema = z
  .string()
  .regex(/^job_[0-9a-f]{32}$/, 'a job id looks like job_ followed by 32 hexadecimal digits');

/** Of a batch: made of its tenant and its idempotency key, so that who sends it again means the same one. */
export const batchIdSchema = z
  .string()
  .regex(/^batch_[0-9a-f]{32}$/, 'a batch id looks like batch_ followed by 32 hexadecimal digits');

/** Makes a new job id. */
export function createJobId(): string {
  return `job_${randomHex(16)}`;
}

/** Makes a new epoch: the identity of one log, 64 random bits. */
export function createEpoch(): string {
  return randomHex(8);
}

/** Makes a new connection id, for logs and for the client's bug reports. */
export function createConnectionId(): string {
  return `conn_${randomHex(8)}`;
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
/** Each byte is used once. To ask the system for each id costs ten times as much. */
const pool = new Uint8Array(4_096);
let used = pool.length;

function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let hex = '';
  for (const end = used + bytes; used < end; used += 1) hex += HEX[pool[used] as number];
  return hex;
}
