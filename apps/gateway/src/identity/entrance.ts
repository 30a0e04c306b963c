/** The way in, for every door: says who comes in, or keeps the refusal back as long as the source has earned. */
import type { IncomingMessage } from 'node:http';
import { type Identity, IssuerUnavailableError } from '@cc-executor/identity';
import { ProtocolError } from '@cc-executor/protocol';
import { RedisUnavailableError } from '@cc-executor/redis';
import { type Logger, logEvents, sleep } from '@cc-executor/runtime';
import type { DoorName } from '../metrics.ts';
import type { Authenticator } from './authenticator.ts';
import type { FailedLogins } from './failed-logins.ts';

/** Errors: `unauthenticated`, `unavailable`. */
export type Entrance = (request: IncomingMessage, door: DoorName) => Promise<Identity>;

const MAX_WAITING = 256;

export function createEntrance(options: {
  authenticator: Authenticator;
  failedLogins: FailedLogins;
  logger: Logger;
}): Entrance {
  const { authenticator, failedLogins, logger } = options;
  let waiting = 0;
  return async (request, door) => {
    try {
      return await authenticator.identify(request.headers, door !== 'http');
    } catch (error) {
      const isAway = error instanceof RedisUnavailableError || error instanceof IssuerUnavailableError;
      if (isAway) logger.warn({ err: error, door }, 'nobody can be asked who that is');
      if (isAway) throw new ProtocolError('unavailable', undefined, 1_000);
      if (!(error instanceof ProtocolError)) throw error;
      const source = request.socket.remoteAddress ?? 'gone';
      const delayMs = failedLogins.failed(source);
      logger.info({ event: logEvents.loginFailed, source, door, delayMs }, 'login failed');
      // Beyond the bound they are refused at once: who waits is held, and costs more than a quick word.
      if (waiting < MAX_WAITING) {
        waiting += 1;
        await sleep(delayMs);
        waiting -= 1;
      }
      throw error;
    }
  };
}
