/** The way in, for every door: says who comes in, or keeps the refusal back as long as the source has earned. */
import type { IncomingMessage } from 'node:http';
import { type FailedLogins, type Identity, IssuerUnavailableError } from '@cc-executor/identity';
import { ProtocolError } from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import { auditLogger, type Logger, logEvents } from '@cc-executor/runtime';
import type { DoorName } from '../metrics.ts';
import type { Authenticator } from './authenticator.ts';
import type { SourceOf } from './source.ts';

/** The id in the token of a key, which is no secret. */
const KEY_ID = /^Bearer +(key_[0-9a-f]{16})\./i;

/** Errors: `unauthenticated`, `unavailable`. */
export type Entrance = (request: IncomingMessage, door: DoorName) => Promise<Identity>;

export function createEntrance(options: {
  authenticator: Authenticator;
  failedLogins: FailedLogins;
  /** The same by the key that was tried, there or not, from wherever. */
  failedKeys: Pick<FailedLogins, 'failed'>;
  sourceOf: SourceOf;
  logger: Logger;
}): Entrance {
  const { authenticator, failedLogins, failedKeys, sourceOf, logger } = options;
  return async (request, door) => {
    try {
      return await authenticator.identify(request.headers, door !== 'http');
    } catch (error) {
      const isAway = error instanceof RedisUnavailableError || error instanceof IssuerUnavailableError;
      if (isAway) logger.warn({ err: error, door }, 'nobody can be asked who that is');
      if (isAway) throw new ProtocolError('unavailable', undefined, 1_000);
      if (!(error instanceof ProtocolError)) throw error;
      const source = sourceOf(request);
      const key = KEY_ID.exec(request.headers.authorization ?? '')?.[1]?.toLowerCase();
      const delayMs = Math.max(failedLogins.failed(source), key ? failedKeys.failed(key) : 0);
      const event = logEvents.loginFailed;
      auditLogger(logger).info({ event, source, key, door, delayMs }, 'login failed');
      await failedLogins.holdBack(delayMs);
      throw error;
    }
  };
}
