/**
 * What the doctor reads of the environment: its own setting, those that gateway and worker share, and the few that
 * say where it runs. Each is read on its own, so that all faults are told and the rest is used.
 */
import {
  type Config,
  ConfigError,
  commonSettings,
  jobSettings,
  loadConfig,
  port,
  redisSettings,
  type Setting,
  type Settings,
  serviceSettings,
  setting,
  text,
  urlText,
} from '@cc-executor/runtime';
import { z } from 'zod';
import { settings as cliSettings } from '../config.ts';

const optionalUrl = (env: string, protocols: readonly [string, ...string[]]) =>
  setting({ env, schema: urlText(protocols).optional(), description: '' });

/** Kubernetes sets GATEWAY_PORT to tcp://… where there is a service of that name: then it says nothing to us. */
const injectedPort = z
  .string()
  .regex(/^tcp:/)
  .transform(() => undefined);
const optionalPort = (env: string) =>
  setting({
    env,
    schema: injectedPort
      .or(port())
      .optional()
      .describe(port().description ?? ''),
    description: '',
  });
const optionalText = (env: string) => setting({ env, schema: text().optional(), description: '' });

const settings = {
  ...commonSettings,
  ...jobSettings,
  ...serviceSettings,
  keyPrefix: redisSettings.keyPrefix,
  url: setting({ ...cliSettings.url, schema: cliSettings.url.schema.optional(), default: undefined }),
  redisUrl: setting({
    env: 'REDIS_URL',
    schema: redisSettings.redisUrl.schema.optional(),
    secret: true,
    description: '',
  }),
  claudeApiUrl: optionalUrl('CLAUDE_API_URL', ['http', 'https']),
  gatewayHost: optionalText('GATEWAY_HOST'),
  gatewayPort: optionalPort('GATEWAY_PORT'),
  workerHealthPort: optionalPort('WORKER_HEALTH_PORT'),
  claudeApiHost: optionalText('CLAUDE_API_HOST'),
  claudeApiPort: optionalPort('CLAUDE_API_PORT'),
  dashboardHost: optionalText('DASHBOARD_HOST'),
};

export type DoctorSettings = Partial<Config<typeof settings>>;

/** Reads what can be read. */
export function readSettings(env?: NodeJS.ProcessEnv): { settings: DoctorSettings; faults: string[] } {
  const found: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [key, definition] of Object.entries(settings as Settings)) {
    try {
      found[key] = loadConfig('doctor', { value: definition as Setting }, env).value;
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      faults.push(...error.faults);
    }
  }
  return { settings: found as DoctorSettings, faults };
}

const PLACES = ['client', 'gateway', 'worker', 'claude-api', 'dashboard'] as const;
export type Place = (typeof PLACES)[number];

/** Whose view the doctor takes: the service whose environment this is, else a client's. */
export function guessPlace(settings: DoctorSettings): Place {
  const { claudeApiUrl, redisUrl, claudeApiHost, dashboardHost, gatewayHost } = settings;
  if (claudeApiUrl !== undefined && gatewayHost === undefined) return 'worker';
  if (redisUrl !== undefined) {
    return dashboardHost !== undefined && gatewayHost === undefined ? 'dashboard' : 'gateway';
  }
  return claudeApiHost === undefined ? 'client' : 'claude-api';
}
