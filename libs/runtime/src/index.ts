/** Configuration, logger, time-outs, repeats: what every process here needs. */
export { backoffDelay, sleep } from './backoff.ts';
export { ConfigError, type ConfigRules, commonSettings, loadConfig } from './config.ts';
export { editDistance, nearestName } from './edit-distance.ts';
export { exitCodes } from './exit-codes.ts';
export { checkPort, findFreePort } from './free-port.ts';
export { explainListenError, listen } from './listen.ts';
export { type LogEvent, logEvents } from './log-events.ts';
export { auditLogger, createLogger, type Logger } from './logger.ts';
export { isLoopback, namesLoopback } from './loopback.ts';
export { onAbort } from './on-abort.ts';
export { createPausableClock, type PausableClock } from './pausable-clock.ts';
export { claimPrivateFolder, NO_FOLLOW, PrivateFolderError, userSuffix } from './private-folder.ts';
export { redactUrl } from './redact.ts';
export { repeatUntilAnswered } from './repeat-until-answered.ts';
export { createRepeatedWarning } from './repeated-warning.ts';
export { SERVICE_FLAGS } from './service-flags.ts';
export {
  type Config,
  describeSettings,
  type Setting,
  type SettingRow,
  type Settings,
  setting,
} from './setting.ts';
export {
  authSettings,
  claudeApiSettings,
  fetchSettings,
  findOpenDoor,
  jobSettings,
  keysSettings,
  listenerSettings,
  metricsSettings,
  redisSettings,
  secretsSettings,
  serviceSettings,
  severalKeys,
} from './shared-settings.ts';
export { describeSystem, type SystemView } from './system.ts';
export {
  amount,
  byteSize,
  durationMs,
  flag,
  listOf,
  oneOf,
  port,
  positiveInt,
  text,
  urlText,
} from './values.ts';
export { version } from './version.ts';
export { TimeoutError, unlessAborted, within } from './within.ts';
