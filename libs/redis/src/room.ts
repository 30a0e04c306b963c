/**
 * Whether Redis has room for more, and takes it: watched, so that new jobs are refused before there is none for the ends of
 * those that were accepted, and so that people are told what is wrong.
 */
import type { RedisConnection } from './connection.ts';
import { RedisUnavailableError, redisErrorOf } from './failure.ts';
import { type Memory, percentOf, readMemory } from './memory.ts';
import { lacksReplicas } from './replicas.ts';
import { mastersOf } from './servers.ts';

/** `memory_full`: more of `maxmemory` is used than may be; the other two: Redis refuses every write, for want of what they say. */
export type Room = 'enough' | 'memory_full' | 'disk_full' | 'no_replicas';

export type RoomWatch = {
  room(): Room;
  /** What the last look saw; undefined without a limit. */
  memory(): Memory | undefined;
  /** Calls the listener when the room has changed. Returns what takes it off again. */
  onChange(listener: (room: Room) => void): () => void;
  /** Looks now. Never rejects: while Redis is away, what was seen last counts. */
  look(): Promise<void>;
  /** Idempotent. */
  close(): void;
};

/** So much less must be used before a full Redis counts as one with room, in points: otherwise it would be both in turn. */
const EASE_PERCENT = 2;

/**
 * @param redis of role `impatient`: a look must end
 * @param options.fullPercent how much of `maxmemory` may be used
 * @param options.everyMs how often to look
 */
export function watchRoom(
  redis: RedisConnection,
  { fullPercent, everyMs }: { fullPercent: number; everyMs: number },
): RoomWatch {
  const listeners = new Set<(room: Room) => void>();
  let room: Room = 'enough';
  let memory: Memory | undefined;
  let looking: Promise<void> | undefined;

  async function see(): Promise<Room> {
    // PING is refused too while the disk is full.
    await Promise.all(mastersOf(redis).map((server) => server.ping()));
    const [lacks, read] = await Promise.all([lacksReplicas(redis), readMemory(redis)]);
    memory = read;
    if (lacks) return 'no_replicas';
    const limit = room === 'memory_full' ? fullPercent - EASE_PERCENT : fullPercent;
    return memory && percentOf(memory) >= limit ? 'memory_full' : 'enough';
  }

  async function lookOnce(): Promise<void> {
    if (redis.status !== 'ready') return;
    const seen = await see().catch((error: unknown) => {
      const told = redisErrorOf(error);
      return told instanceof RedisUnavailableError && told.reason === 'disk_full' ? 'disk_full' : room;
    });
    if (seen === room) return;
    room = seen;
    for (const listener of listeners) listener(room);
  }

  function look(): Promise<void> {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
    });
    return looking;
  }

  const timer = setInterval(() => void look(), everyMs);
  timer.unref();
  return {
    room: () => room,
    memory: () => memory,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    look,
    close: () => clearInterval(timer),
  };
}
