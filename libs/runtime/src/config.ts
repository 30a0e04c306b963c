/**
 * Reads an app's settings from the environment; the only place that does.
 * All faults are reported together, a misspelt variable is one of them, and no secret is ever printed.
 */
import { readFileSync } from 'node:fs';
import { nearestName } from './edit-distance.ts';
import { redactUrl } from './redact.ts';
import { type Config, expectationOf, isRequired, type Setting, type Settings, setting } from './setting.ts';
import { oneOf } from './values.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Variables that Kubernetes and Docker add for a service of the same name (GATEWAY_SERVICE_HOST …). */
const INJECTED_SUFFIX = /_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$/;

const ON_TERMINAL = process.stdout.isTTY === true;

/** Settings that every app has. */
export const commonSettings = {
  logLevel: setting({
    env: 'LOG_LEVEL',
    schema: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
    default: 'info',
    description:
      'The least severe log lines that are written. Who did what, and who failed to come in (docs/identity.md), is written at each level but silent.',
  }),
  logFormat: setting({
    env: 'LOG_FORMAT',
    schema: oneOf(['pretty', 'json']),
    default: ON_TERMINAL ? 'pretty' : 'json',
    defaultText: 'pretty on a terminal, otherwise json',
    description: 'How log lines look: for people, or one JSON object a line.',
  }),
};

/** What a configuration must also be, besides each setting of its own. */
export type ConfigRules<S extends Settings> = {
  /** Beginnings of variable names that belong to this app alone (`['GATEWAY_']`): one that no setting declares is a fault. */
  readonly prefixes?: readonly string[];
  /** Faults that lie between settings; it gets what could be read. */
  readonly check?: (config: Partial<Config<S>>) => string[];
};

/** The environment does not make a valid configuration. `faults` has one entry for each thing to correct. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly app: string;
  readonly faults: readonly string[];

  constructor(app: string, faults: readonly string[]) {
    super(`${app}: the configuration is not valid\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
    this.app = app;
    this.faults = faults;
  }
}

/**
 * Reads and checks all settings.
 *
 * @param app names the app in the error
 * @param env the variables; an empty one counts as unset, unless the setting has `keepEmpty`
 * @throws ConfigError with every fault
 */
export function loadConfig<const S extends Settings>(
  app: string,
  settings: S,
  env: Environment = process.env,
  { prefixes = [], check = () => [] }: ConfigRules<S> = {},
): Config<S> {
  const faults: string[] = [];
  const config: Record<string, unknown> = {};
  for (const [key, definition] of Object.entries(settings)) {
    const { value, fault } = readSetting(definition, env);
    if (fault === undefined) config[key] = value;
    else faults.push(fault);
  }
  faults.push(...findUnknown(settings, env, prefixes), ...check(config as Partial<Config<S>>));
  if (faults.length > 0) throw new ConfigError(app, faults);
  return config as Config<S>;
}

type Reading = {
  value?: unknown;
  fault?: string;
};

function readSetting(definition: Setting, env: Environment): Reading {
  const { text, fault } = readText(definition, env);
  if (fault !== undefined) return { fault };
  const expected = `expected ${expectationOf(definition.schema)}`;
  if (text === undefined) {
    if (isRequired(definition)) return { fault: `${definition.env} is not set; ${expected}` };
    return { value: definition.default };
  }
  const result = definition.schema.safeParse(text);
  if (result.success) return { value: result.data };
  const wrong = result.error.issues[0]?.message ?? 'is not valid';
  const shown = definition.secret === true ? 'the value is secret' : `got ${JSON.stringify(redactUrl(text))}`;
  return { fault: `${definition.env} ${wrong}; ${shown}; ${expected}` };
}

function readText(definition: Setting, env: Environment): { text?: string; fault?: string } {
  const direct = env[definition.env];
  const text = direct === '' && definition.keepEmpty !== true ? undefined : direct;
  const fileVariable = `${definition.env}_FILE`;
  const path = definition.secret === true ? env[fileVariable] : undefined;
  if (path === undefined || path === '') return { text };
  if (text !== undefined)
    return { fault: `${definition.env} and ${fileVariable} are both set; expected only one` };
  try {
    const content = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
    // An empty secret is a mistake while mounting it; taking it for "unset" could switch a protection off.
    if (content === '' && definition.keepEmpty !== true) {
      return { fault: `${fileVariable} names an empty file; got ${JSON.stringify(path)}` };
    }
    return { text: content };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    return {
      fault: `${fileVariable} cannot be read (${code}); got ${JSON.stringify(path)}; expected a file`,
    };
  }
}

function findUnknown(settings: Settings, env: Environment, prefixes: readonly string[]): string[] {
  const known = new Set<string>();
  for (const definition of Object.values(settings)) {
    known.add(definition.env);
    if (definition.secret === true) known.add(`${definition.env}_FILE`);
  }
  return Object.keys(env)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
    .filter((name) => !known.has(name) && !INJECTED_SUFFIX.test(name))
    .sort()
    .map((name) => {
      const meant = nearestName(name, known);
      return `${name} is not a known variable${meant === undefined ? '' : `; did you mean ${meant}?`}`;
    });
}
