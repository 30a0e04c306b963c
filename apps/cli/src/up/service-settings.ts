/**
 * The settings of all services, checked before any of them starts. Of an app only its src/config.ts is read, which
 * declares them, as `npm run generate` does for docs/configuration.md.
 */
import { ConfigError, type ConfigRules, editDistance, loadConfig, type Settings } from '@cc-executor/runtime';
import { settings as cliSettings } from '../config.ts';
import { settings as upSettings } from './settings.ts';

type Declaration = {
  readonly appName: string;
  readonly settings: Settings;
  readonly rules?: ConfigRules<Settings>;
};

const SERVICES = ['claude-api', 'worker', 'gateway', 'dashboard'];

/** In a shorter name one slip is as far as a guess may go. */
const LONG_NAME = 8;

/**
 * Checks what the services would read.
 *
 * @param env what they will get
 * @param without the services that are not run
 * @returns `faults`: what they would refuse to start with; `doubts`: variables that mean nothing here, but nearly
 *   bear the name of one that does
 */
export async function checkServiceSettings(
  env: NodeJS.ProcessEnv,
  without: readonly string[] = [],
): Promise<{ faults: string[]; doubts: string[] }> {
  const declarations = await Promise.all(SERVICES.map(readDeclaration));
  const faults = declarations.flatMap(({ appName, settings, rules }) => {
    if (without.includes(appName)) return [];
    try {
      loadConfig(appName, settings, env, rules);
      return [];
    } catch (error) {
      if (error instanceof ConfigError) return error.faults;
      throw error;
    }
  });
  const all = [...declarations.map(({ settings }) => settings), upSettings, cliSettings];
  return { faults: [...new Set(faults)], doubts: findDoubts(all, env) };
}

async function readDeclaration(app: string): Promise<Declaration> {
  return import(new URL(`../../../${app}/src/config.ts`, import.meta.url).href);
}

function findDoubts(all: readonly Settings[], env: NodeJS.ProcessEnv): string[] {
  const known = new Set(
    all.flatMap((settings) =>
      Object.values(settings).flatMap(({ env: name, secret }) => (secret ? [name, `${name}_FILE`] : [name])),
    ),
  );
  return Object.keys(env)
    .filter((name) => !known.has(name))
    .sort()
    .flatMap((name) => {
      const meant = [...known].find(
        (candidate) => editDistance(name, candidate) <= (candidate.length < LONG_NAME ? 1 : 2),
      );
      return meant === undefined ? [] : [`${name} is set, and nothing reads it; did you mean ${meant}?`];
    });
}
