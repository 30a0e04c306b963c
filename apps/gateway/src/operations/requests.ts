/**
 * What becomes of a request, whichever door it came in by: refused while the gateway drains, done by its operation,
 * its error translated, its outcome counted.
 */
import { type Method, ProtocolError } from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import { logEvents } from '@cc-executor/runtime';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { Answer, Call, Operations } from './operation.ts';
import type { Session } from './session.ts';

export type Requests = {
  /**
   * Does what is asked. Errors: `ProtocolError`, whose code and message are the client's; `ConnectionClosedError` when
   * the session ended meanwhile and there is nobody to answer.
   */
  perform<M extends Method>(session: Session, call: Call<M>): Promise<Answer<M>>;
  /** Counts what a door refused because it asks for no operation. */
  countRefusal(session: Session, error: ProtocolError): void;
};

/** Methods that accept a job: a gateway that drains does not take them. */
const acceptingMethods: ReadonlySet<Method> = new Set<Method>(['execute']);

const RETRY_AFTER_MS = 1_000;

export function createRequests(options: {
  operations: Operations;
  metrics: Pick<GatewayMetrics, 'requests'>;
  isDraining(): boolean;
}): Requests {
  const { operations, metrics, isDraining } = options;

  async function perform<M extends Method>(
    session: Session,
    { method, params }: Call<M>,
  ): Promise<Answer<M>> {
    const { door, logger } = session;
    try {
      if (isDraining() && acceptingMethods.has(method)) throw new ProtocolError('draining');
      const answer = await operations[method](session, params);
      metrics.requests.inc({ door, method, outcome: 'ok' });
      return answer;
    } catch (error) {
      if (error instanceof ConnectionClosedError) throw error;
      const known = asProtocolError(error);
      metrics.requests.inc({ door, method, outcome: known.code });
      const event = logEvents.fault;
      if (known.code === 'internal') logger.error({ event, err: error, method }, 'a request failed');
      throw known;
    }
  }

  return {
    perform,
    countRefusal: ({ door }, { code }) => metrics.requests.inc({ door, method: 'none', outcome: code }),
  };
}

/** A Redis that is away or full is `unavailable`, and worth another try; everything else unexpected is ours. */
function asProtocolError(error: unknown): ProtocolError {
  if (error instanceof ProtocolError) return error;
  if (error instanceof RedisUnavailableError)
    return new ProtocolError('unavailable', undefined, RETRY_AFTER_MS);
  return new ProtocolError('internal');
}
