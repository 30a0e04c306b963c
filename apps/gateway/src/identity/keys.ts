/** Keys as the gateway checks them: the file, and how loud it is when that cannot be used any more. */
import { KeyFileError, type Keyring, openKeyring } from '@cc-executor/identity';
import { auditLogger, ConfigError, type Logger, logEvents } from '@cc-executor/runtime';

const LOOK_MS = 1_000;

/** Reads the file, and goes on doing so. Errors: `ConfigError`, when the first one is not good. */
export function openKeys({ app, path, logger }: { app: string; path: string; logger: Logger }): Keyring {
  const event = logEvents.keysRead;
  try {
    return openKeyring({
      path,
      everyMs: LOOK_MS,
      onRead(outcome) {
        if ('fault' in outcome)
          logger.error({ event: logEvents.keysFaulty, ...outcome }, 'the keys stay as they were');
        else {
          logger.info({ event, keys: outcome.keys }, 'keys read');
          const { changes } = outcome;
          if (Object.keys(changes).length > 0)
            auditLogger(logger).info({ event: logEvents.audit, method: 'keys', ...changes }, 'audit');
        }
      },
    });
  } catch (error) {
    if (error instanceof KeyFileError) throw new ConfigError(app, [`AUTH_KEYS_FILE: ${error.message}`]);
    throw error;
  }
}

/** For readiness: old keys are no reason to send clients elsewhere, where the file is the same. */
export async function checkKeys(keyring: Pick<Keyring, 'fault'>): Promise<{ ok: true; detail?: string }> {
  const fault = keyring.fault();
  return { ok: true, ...(fault !== undefined && { detail: `the keys are those of before: ${fault}` }) };
}
