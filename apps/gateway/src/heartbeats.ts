/**
 * Heartbeats, pings and position checks for all connections: one timer, the connections spread over its ticks, so
 * that thousands of them do not stop the loop at once. The position in a heartbeat is read from Redis: a hang does
 * not look alive, and a lost publication is found here at the latest.
 */
import type { Attachment, JobLog, Position } from '@cc-executor/job-log';
import type { Logger } from '@cc-executor/runtime';

export type Beating = {
  attachments(): Iterable<Attachment>;
  /** Takes the true positions of its attached jobs; a job without a record is missing from the map. */
  beat(positions: Map<string, Position>): void;
};

export type Heartbeats = {
  add(connection: Beating): () => void;
  /** Checks everybody's positions now: publications may have been missed. */
  checkAll(): void;
  /** Idempotent. */
  close(): void;
};

const SLOTS = 20;

export function createHeartbeats({
  log,
  intervalMs,
  logger,
}: {
  log: JobLog;
  intervalMs: number;
  logger: Logger;
}): Heartbeats {
  const slots = Array.from({ length: SLOTS }, () => new Set<Beating>());
  let next = 0;

  async function check(connections: Iterable<Beating>, beat: boolean): Promise<void> {
    const members = [...connections];
    const jobIds = new Set(members.flatMap((member) => [...member.attachments()].map(({ jobId }) => jobId)));
    let positions: Map<string, Position> | undefined;
    try {
      positions = jobIds.size === 0 ? new Map() : await log.positions([...jobIds]);
    } catch (err) {
      logger.warn({ err, jobs: jobIds.size }, 'positions could not be checked');
    }
    for (const member of members) {
      if (positions) {
        // A copy: an attachment that ends takes itself out.
        for (const attachment of [...member.attachments()])
          attachment.checkPosition(positions.get(attachment.jobId));
      }
      if (beat) member.beat(positions ?? new Map());
    }
  }

  const timer = setInterval(() => {
    next = (next + 1) % SLOTS;
    const slot = slots[next];
    if (slot && slot.size > 0) void check(slot, true);
  }, intervalMs / SLOTS);
  timer.unref();

  return {
    add(connection) {
      // The emptiest slot that comes last: the first heartbeat is due after one interval, at most.
      const slot = slots.reduce((least, candidate) => (candidate.size < least.size ? candidate : least));
      slot.add(connection);
      return () => slot.delete(connection);
    },
    checkAll() {
      void check(
        slots.flatMap((slot) => [...slot]),
        false,
      );
    },
    close: () => clearInterval(timer),
  };
}
