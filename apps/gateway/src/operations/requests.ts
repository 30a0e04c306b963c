/**
 * What becomes of a request, whichever door it came in by: refused when it is not for who asks, while the gateway drains, or
 * when Redis has no room for a new job, done by its operation, its error translated, its outcome counted.
 */
import type { Identity } from '@cc-executor/identity';
import { type Method, ProtocolError } from '@cc-executor/protocol';
import { RedisUnavailableError, type Room, type RoomWatch } from '@cc-executor/redis';
import { logEvents } from '@cc-executor/runtime';
import type { Authenticator } from '../identity/authenticator.ts';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Crowd } from '../quotas/crowd.ts';
import { audit } from './audit.ts';
import { costOf, REFUSAL_COST } from './costs.ts';
import type { Answer, Call, Operations } from './operation.ts';
import type { SessionFor } from './reach.ts';
import { type OperationName, refuseBeyondScope } from './scopes.ts';
import type { Session } from './session.ts';

export type Requests = {
  /**
   * Does what is asked. Errors: `ProtocolError`, whose code and message are the client's; `ConnectionClosedError` when
   * the session ended meanwhile and there is nobody to answer.
   */
  perform<M extends Method>(session: Session, call: Call<M>): Promise<Answer<M>>;
  /** The same as a part of a request that is under way: quotas on requests have counted that. */
  performPart<M extends Method>(session: Session, call: Call<M>): Promise<Answer<M>>;
  /** Does what a door does by several of these, in the session of whose job that is; errors and count are those of one, under this name. */
  attempt<T>(
    session: Session,
    name: OperationName,
    work: (acting: Session) => Promise<T>,
    jobId?: string,
  ): Promise<T>;
  /** Counts what a door refused because it asks for no operation; it has its cost, too, for who is in. */
  countRefusal(from: Pick<Session, 'door'> & { identity: Identity | undefined }, error: ProtocolError): void;
};

/** What accepts jobs: a gateway that drains, or whose Redis is full, does not take it. */
const accepting: ReadonlySet<OperationName> = new Set<OperationName>(['execute', 'rerun', 'submitBatch']);

/** Also where replicas are missing: after a failover they are soon back. */
const RETRY_AFTER_MS = 1_000;
/** Memory gets free when jobs expire, disks when somebody makes room. */
const ROOM_RETRY_AFTER_MS = 10_000;

const NO_ROOM: Record<Exclude<Room, 'enough'>, string> = {
  memory_full: 'Redis is full: nothing new is accepted until there is room again.',
  disk_full: 'Redis cannot write, its disk is full: nothing is accepted until there is room again.',
  no_replicas: 'Too few replicas follow Redis: nothing is accepted until there are enough again.',
};

export function createRequests(options: {
  operations: Operations;
  sessionFor: SessionFor;
  metrics: Pick<GatewayMetrics, 'requests'>;
  isDraining(): boolean;
  authenticator: Pick<Authenticator, 'standing'>;
  crowd: Pick<Crowd, 'ask' | 'pay'>;
  /** Who asks beyond its rate is read more slowly. */
  slowDown(tenant: string): void;
  roomWatch: Pick<RoomWatch, 'room' | 'look'>;
}): Requests {
  const { operations, sessionFor, metrics, isDraining, roomWatch, authenticator, crowd, slowDown } = options;

  function mayAccept(): void {
    if (isDraining()) throw new ProtocolError('draining');
    const room = roomWatch.room();
    if (room !== 'enough') throw withoutRoom(room);
  }

  /** A Redis that is away or full is `unavailable`, and worth another try; everything else unexpected is ours. */
  function asProtocolError(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error;
    if (!(error instanceof RedisUnavailableError)) return new ProtocolError('internal');
    if (error.reason === 'away') return new ProtocolError('unavailable', undefined, RETRY_AFTER_MS);
    void roomWatch.look();
    return withoutRoom(error.reason);
  }

  /** Takes a place among the requests that are answered at once. Without Redis nobody knows them: then those that accept nothing are let in. */
  async function enter({ identity }: Session, method: OperationName): Promise<(() => void) | undefined> {
    try {
      return await crowd.ask(identity, costOf(method));
    } catch (error) {
      if (accepting.has(method) || !(error instanceof RedisUnavailableError)) throw error;
      return undefined;
    }
  }

  async function attempt<T>(
    session: Session,
    { method, params, isPart = false }: { method: OperationName; params: object; isPart?: boolean },
    work: (acting: Session) => Promise<T>,
  ): Promise<T> {
    const { door, logger } = session;
    const { jobId } = jobOf(params);
    let acting = session;
    let leave: (() => void) | undefined;
    try {
      if (authenticator.standing(session.identity) !== 'good') throw new ProtocolError('unauthenticated');
      refuseBeyondScope(session.identity, method, jobId);
      if (!isPart) leave = await enter(session, method);
      if (accepting.has(method)) mayAccept();
      acting = await sessionFor(session, params);
      const answer = await work(acting);
      metrics.requests.inc({ door, method, outcome: 'ok' });
      audit(session, { method, jobId: jobId ?? jobIn(answer), of: acting.tenant }, 'ok');
      return answer;
    } catch (error) {
      if (error instanceof ConnectionClosedError) throw error;
      const known = asProtocolError(error);
      if (known.code === 'quota_exceeded' && !isPart && leave === undefined) slowDown(session.tenant);
      metrics.requests.inc({ door, method, outcome: known.code });
      audit(session, { method, jobId, of: acting.tenant }, known.code);
      const event = logEvents.fault;
      if (known.code === 'internal') logger.error({ event, err: error, method }, 'a request failed');
      throw known;
    } finally {
      leave?.();
    }
  }

  function perform<M extends Method>(
    session: Session,
    { method, params }: Call<M>,
    isPart: boolean,
  ): Promise<Answer<M>> {
    return attempt(session, { method, params, isPart }, (acting) => operations[method](acting, params));
  }

  async function payRefusal(identity: Identity): Promise<void> {
    // Without Redis nobody counts it.
    const isPaid = await crowd.pay(identity, REFUSAL_COST).catch(() => true);
    if (!isPaid) slowDown(identity.tenant);
  }

  return {
    perform: (session, call) => perform(session, call, false),
    performPart: (session, call) => perform(session, call, true),
    attempt: (session, method, work, jobId) =>
      attempt(session, { method, params: jobId === undefined ? {} : { jobId } }, work),
    countRefusal({ door, identity }, { code }) {
      metrics.requests.inc({ door, method: 'none', outcome: code });
      if (identity) void payRefusal(identity);
    },
  };
}

function jobOf(params: object): { jobId?: string } {
  return 'jobId' in params ? { jobId: String(params.jobId) } : {};
}

/** The job that was accepted. */
function jobIn(answer: unknown): string | undefined {
  return (answer as { result?: { jobId?: string } } | undefined)?.result?.jobId;
}

function withoutRoom(room: Exclude<Room, 'enough'>): ProtocolError {
  const retryAfterMs = room === 'no_replicas' ? RETRY_AFTER_MS : ROOM_RETRY_AFTER_MS;
  return new ProtocolError('unavailable', NO_ROOM[room], retryAfterMs);
}
