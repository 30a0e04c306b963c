/**
 * Whether a connection is alive: the gateway sends a heartbeat every `heartbeatMs`, so silence for 2.5 of them
 * means that the connection is dead, whatever the operating system thinks. Pure state; times are in ms.
 */
const MISSED_HEARTBEATS = 2.5;

export type Heartbeat = {
  /** Any frame is a sign of life. */
  seen(now: number): void;
  /** The connection may have died unnoticed: a sign of life has to come sooner. */
  doubt(now: number): void;
  /** How much silence is left; 0 or less means dead. */
  remainingMs(now: number): number;
};

export function createHeartbeat(heartbeatMs: number, startedAt: number): Heartbeat {
  let seenAt = startedAt;
  return {
    seen(now) {
      seenAt = now;
    },
    doubt(now) {
      seenAt = Math.min(seenAt, now - heartbeatMs);
    },
    remainingMs: (now) => seenAt + heartbeatMs * MISSED_HEARTBEATS - now,
  };
}
