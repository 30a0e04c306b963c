/** The way in, for every door: says who comes in, or keeps the refusal back as long as the source has earned. */
import type { IncomingMessage } from 'node:http';
import { type FailedLogins, type Identity, IssuerUnavailableError } from '@cc-executor/identity';
import { ProtocolError } from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import { auditLogger, type Logger, logEvents } from '@cc-executor/runtime';
import type { DoorName } from '../metrics.ts';
import type { Authenticator } from './authenticator.ts';
import type { SourceOf } from './source.ts';

/** Errors: `unauthenticated`, `unavailable`. */
export type Entrance = (request: IncomingMessage, door: DoorName) => Promise<Identity>;

export function createEntrance(options: {
  authenticator: Authenticator;
  failedLogins: FailedLogins;
  sourceOf: SourceOf;
  logger: Logger;
}): Entrance {
  const { authenticator, failedLogins, sourceOf, logger } = options;
  return async (request, door) => {
    try {
      return await authenticator.identify(request.headers, door !== 'http');
    } catch (error) {
      const isAway = error instanceof RedisUnavailableError || error instanceof IssuerUnavailableError;
      if (isAway) logger.warn({ err: error, door }, 'nobody can be asked who that is');
      if (isAway) throw new ProtocolError('unavailable', undefined, 1_000);
      if (!(error instanceof ProtocolError)) throw error;
      const source = sourceOf(request);
      const delayMs = failedLogins.failed(source);
      auditLogger(logger).info({ event: logEvents.loginFailed, source, door, delayMs }, 'login failed');
      await failedLogins.holdBack(delayMs);
      throw error;
    }
  };
}
