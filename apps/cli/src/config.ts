/**
 * The settings of the commands that talk to a gateway: what an option says, else the environment, else the profile of
 * `cc-executor config`, else a default: of a token that which `npm start -- --auth` has drawn. This is the one place where the gateway and the token for it are chosen.
 */
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { keysSettings, loadConfig, setting, text, urlText } from '@cc-executor/runtime/settings';
import { globalOptions } from './global-options.ts';
import { readLocalToken, whyNotShown } from './local-token.ts';
import { DEFAULT_PROFILE, type Profile, profileOf, readProfiles } from './profiles.ts';
import { UsageError } from './usage-error.ts';

export const appName = 'cli';

const DEFAULT_URL = 'ws://127.0.0.1:8003/ws';

export const intro = `The commands of \`cc-executor\` that talk to a gateway. An option goes before the variable, and the variable before what
\`cc-executor config\` keeps. A setting that is not valid is a usage error (exit code 2). \`NO_COLOR\` is honoured. \`doctor\` reads this one, and
those of the services where it runs.`;

export const settings = {
  url: setting({
    env: 'CC_EXECUTOR_URL',
    schema: urlText(['ws', 'wss', 'http', 'https']),
    default: DEFAULT_URL,
    description: 'The gateway to talk to; `--url` goes before it. Without a path, /ws is taken.',
  }),
  token: setting({
    env: 'CC_EXECUTOR_TOKEN',
    schema: text().optional(),
    secret: true,
    description: 'The token to show a gateway that asks for one; `--token` goes before it.',
  }),
  profile: setting({
    env: 'CC_EXECUTOR_PROFILE',
    schema: text().optional(),
    defaultText: 'the one that `cc-executor config set profile` chose, else default',
    description: 'Which profile of `cc-executor config` to take; `--profile` goes before it.',
  }),
  configHome: setting({
    env: 'XDG_CONFIG_HOME',
    schema: text().optional(),
    defaultText: '~/.config',
    description: 'The folder with `cc-executor/config.json`, the file of `cc-executor config`.',
  }),
  stateHome: setting({
    env: 'XDG_STATE_HOME',
    schema: text().optional(),
    defaultText: '~/.local/state',
    description:
      'The folder with `cc-executor/conversations`, which `cc-executor run --continue` reads, and the tokens of `npm start -- --auth`.',
  }),
  traceparent: setting({
    env: 'TRACEPARENT',
    schema: text().optional(),
    description:
      'What `run` and `rerun` call their jobs a part of, where they are traced (docs/tracing.md), as other programs do; one that is none counts as unset.',
  }),
  ...keysSettings,
};

type Origin = 'option' | 'environment' | 'profile' | 'stack' | 'default';

/** A setting as it holds, and by what. */
export type Found = { value: string; origin: Origin };

/** The profile that holds. Errors: `UsageError`, `ConfigError`. */
export function readProfileName(): Found {
  return (
    found(globalOptions().profile, 'option') ??
    found(variable('profile'), 'environment') ??
    found(readProfiles(configFile()).profile, 'profile') ?? { value: DEFAULT_PROFILE, origin: 'default' }
  );
}

/** The gateway's address, as it was given. Errors: `UsageError`, `ConfigError`. */
export function findUrl(option?: string): Found {
  return (
    found(option, 'option') ??
    found(variable('url'), 'environment') ??
    found(readProfile().url, 'profile') ?? { value: DEFAULT_URL, origin: 'default' }
  );
}

/**
 * The token to show to the gateway at this address, if there is one. That of a profile is for the gateway of the profile alone:
 * another one, named by an option or a variable, does not get to see it. Errors: `UsageError`, `ConfigError`.
 *
 * @param url as `readUrl` gives it
 */
export function findToken(url: string): Found | undefined {
  const given = found(globalOptions().token, 'option') ?? found(variable('token'), 'environment');
  if (given !== undefined) return given;
  const { url: own = DEFAULT_URL, token } = readProfile();
  const kept = completeUrl(own) === url ? found(token, 'profile') : undefined;
  return kept ?? found(readLocalToken(stateFolder(), url), 'stack');
}

/** The gateway's address, whole. Errors: `UsageError`, `ConfigError`. */
export function readUrl(option: string | undefined): string {
  return completeUrl(findUrl(option).value);
}

/**
 * The token for this address as an option of a client, which asks for it at each connection. Errors: as of `findToken`; of the
 * function `Error`, when it is not to be shown to what listens there.
 */
export function tokenOptions(url: string): { token?: () => string } {
  const token = findToken(url);
  if (token === undefined) return {};
  return {
    token() {
      const reason = token.origin === 'stack' ? whyNotShown(url) : undefined;
      if (reason !== undefined) throw new Error(reason);
      return token.value;
    },
  };
}

/** `http://host` is `ws://host/ws`. Errors: `UsageError`. */
export function completeUrl(url: string): string {
  const parsed = settings.url.schema.safeParse(url);
  if (!parsed.success) throw new UsageError(`${url} is not an address such as ${DEFAULT_URL}`);
  const address = new URL(parsed.data.replace(/^http/i, 'ws'));
  if (address.pathname === '/') address.pathname = '/ws';
  return address.href;
}

/** Where `cc-executor config` keeps its settings. Errors: `ConfigError`. */
export function configFile(): string {
  const { configHome } = loadConfig(appName, { configHome: settings.configHome });
  return join(folder(configHome, '.config'), 'cc-executor', 'config.json');
}

/** Where conversations are remembered. Errors: `ConfigError`. */
export function conversationsFolder(): string {
  return join(stateFolder(), 'conversations');
}

/** Where is kept what nobody has set. Errors: `ConfigError`. */
export function stateFolder(): string {
  const { stateHome } = loadConfig(appName, { stateHome: settings.stateHome });
  return join(folder(stateHome, '.local/state'), 'cc-executor');
}

/** The file of keys: the option, else the environment. Errors: `UsageError`, `ConfigError`. */
export function readKeysPath(option: string | undefined): string {
  const path = option ?? loadConfig(appName, keysSettings).keysFile;
  if (path === undefined) throw new UsageError('say which file: --file, or AUTH_KEYS_FILE');
  return path;
}

function readProfile(): Profile {
  return profileOf(readProfiles(configFile()), readProfileName().value);
}

/** What the environment says, if it says something. */
function variable(name: 'url' | 'token' | 'profile'): string | undefined {
  const definition = setting({
    ...settings[name],
    schema: settings[name].schema.optional(),
    default: undefined,
  });
  return loadConfig(appName, { value: definition }).value;
}

function found(value: string | undefined, origin: Origin): Found | undefined {
  return value === undefined ? undefined : { value, origin };
}

/** As the XDG specification has it: what is no absolute path counts as unset. */
function folder(given: string | undefined, usual: string): string {
  return given !== undefined && isAbsolute(given) ? given : join(homedir(), usual);
}
