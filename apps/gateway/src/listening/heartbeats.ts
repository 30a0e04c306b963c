/**
 * Heartbeats, pings and position checks for all connections: one timer, the connections spread over its ticks, so
 * that thousands of them do not stop the loop at once. The position in a heartbeat is read from Redis: a hang does
 * not look alive, and a lost publication is found here at the latest.
 */
import type { Attachment, Position, ReadLog } from '@cc-executor/job-log';
import { isCurable, type Room } from '@cc-executor/redis';
import type { Logger } from '@cc-executor/runtime';
import type { GatewayMetrics } from '../metrics.ts';
import { createCatchUp } from './catch-up.ts';
import { createDegradation } from './degradation.ts';

export type Beating = {
  attachments(): Iterable<Attachment>;
  /** Takes the true positions of its attached jobs; a job without a record is missing from the map. */
  beat(positions: ReadonlyMap<string, Position>): void;
  /** Says what is wrong with Redis, or that it has recovered. */
  setDegraded(reason: string | undefined): void;
};

export type Heartbeats = {
  /** Adds a connection; it is told at once what is wrong with Redis. */
  add(connection: Beating): () => void;
  /** Publications may have been missed: checks everybody's positions now, and again until Redis tells them. */
  checkAll(): void;
  /** An attachment could not read its log: it reads on soon. */
  readSoon(attachment: Pick<Attachment, 'resume'>): void;
  /** What Redis has room for, of which all connections are told. */
  setRoom(room: Room): void;
  /** Attachments of all connections. */
  countAttachments(): number;
  /** Idempotent. */
  close(): void;
};

const SLOTS = 20;
/** Of a slot's connections so many beat at a time; between them whatever else is due has its turn. */
const BEATS_AT_ONCE = 25;
const NO_POSITIONS: ReadonlyMap<string, Position> = new Map();

export function createHeartbeats({
  readLog,
  intervalMs,
  metrics,
  logger,
}: {
  readLog: Pick<ReadLog, 'positions'>;
  intervalMs: number;
  metrics: Pick<GatewayMetrics, 'degraded' | 'rereads'>;
  logger: Logger;
}): Heartbeats {
  const slots = Array.from({ length: SLOTS }, () => new Set<Beating>());
  /** Slots whose positions are being read. */
  const waiting = new Set<Set<Beating>>();
  let next = 0;
  let isUnreadable = false;
  const degradation = createDegradation({
    tell(reason) {
      for (const slot of slots) for (const member of slot) member.setDegraded(reason);
    },
    metrics,
    logger,
  });

  function setUnreadable(unreadable: boolean): void {
    isUnreadable = unreadable;
    degradation.set('unreadable', unreadable);
  }

  /** Tells attachments their true positions; resolves with these, undefined when Redis did not tell them. */
  async function check(members: readonly Beating[]): Promise<ReadonlyMap<string, Position> | undefined> {
    const jobIds = jobIdsByTenant(members);
    if (jobIds.size === 0) return NO_POSITIONS;
    const positions = await readPositions(jobIds).catch((err) => {
      logger.debug({ err }, 'positions could not be checked');
      // One record that cannot be read is no outage: each attachment looks into its own log.
      return isCurable(err) ? undefined : NO_POSITIONS;
    });
    setUnreadable(positions === undefined);
    if (positions === undefined) return undefined;
    for (const member of members) {
      // A copy: an attachment that ends takes itself out.
      for (const attachment of [...member.attachments()]) {
        const wasBehind = attachment.checkPosition(positions.get(attachment.jobId)); // @mutation position
        if (wasBehind) metrics.rereads.inc();
      }
    }
    return positions;
  }

  async function beatAll(slot: Set<Beating>, positions: ReadonlyMap<string, Position>): Promise<void> {
    let beaten = 0;
    for (const member of [...slot]) {
      if (beaten > 0 && beaten % BEATS_AT_ONCE === 0) await new Promise(setImmediate);
      beaten += 1;
      // It may have gone meanwhile.
      if (slot.has(member)) member.beat(positions);
    }
  }

  async function checkAll(): Promise<boolean> {
    const members = slots.flatMap((slot) => [...slot]);
    const one = isUnreadable ? members.find((member) => isListening(member)) : undefined;
    // In an outage one position tells as much as thousands.
    if (one && !(await check([one]))) return false;
    return (await check(members)) !== undefined;
  }

  const catchUp = createCatchUp(checkAll);

  /** Of all tenants: no two of them have a job in common. */
  async function readPositions(jobIds: Map<string, Set<string>>): Promise<ReadonlyMap<string, Position>> {
    const found = await Promise.all([...jobIds].map(([tenant, ids]) => readLog.positions(tenant, [...ids])));
    return new Map(found.flatMap((positions) => [...positions]));
  }

  /** Beats come at their time also while Redis does not answer: all at once later, no ping could be answered in time. */
  async function beat(slot: Set<Beating>): Promise<void> {
    if (waiting.has(slot)) {
      setUnreadable(true);
      return beatAll(slot, NO_POSITIONS);
    }
    waiting.add(slot);
    const positions = await check([...slot]);
    waiting.delete(slot);
    if (!positions) catchUp.checkSoon();
    await beatAll(slot, positions ?? NO_POSITIONS);
  }

  const timer = setInterval(() => {
    next = (next + 1) % SLOTS;
    const slot = slots[next];
    if (slot && slot.size > 0) void beat(slot);
  }, intervalMs / SLOTS);
  timer.unref();

  return {
    add(connection) {
      // The emptiest slot that comes last: the first heartbeat is due after one interval, at most.
      const slot = slots.reduce((least, candidate) => (candidate.size < least.size ? candidate : least));
      slot.add(connection);
      const reason = degradation.reason();
      if (reason !== undefined) connection.setDegraded(reason);
      return () => slot.delete(connection);
    },
    checkAll: catchUp.checkNow,
    readSoon: catchUp.readSoon,
    setRoom(room) {
      for (const trouble of ['memory_full', 'disk_full', 'no_replicas'] as const) {
        degradation.set(trouble, room === trouble);
      }
    },
    countAttachments() {
      let count = 0;
      for (const slot of slots) for (const member of slot) for (const _ of member.attachments()) count += 1;
      return count;
    },
    close() {
      clearInterval(timer);
      catchUp.close();
    },
  };
}

/** The jobs that are listened to, each once. */
function isListening(member: Beating): boolean {
  for (const _ of member.attachments()) return true;
  return false;
}

function jobIdsByTenant(members: Iterable<Beating>): Map<string, Set<string>> {
  const byTenant = new Map<string, Set<string>>();
  for (const member of members) {
    for (const { tenant, jobId } of member.attachments()) {
      const known = byTenant.get(tenant) ?? new Set();
      byTenant.set(tenant, known.add(jobId));
    }
  }
  return byTenant;
}
