/** The settings of the commands that talk to a gateway. */
import { keysSettings, loadConfig, setting, text, urlText } from '@cc-executor/runtime/settings';
import { tokenOption } from './token-option.ts';
import { UsageError } from './usage-error.ts';

export const appName = 'cli';

export const intro = `The commands \`run\`, \`attach\`, \`cancel\`, \`pause\`, \`resume\`, \`get\` and \`jobs\` of \`cc-executor\`. A setting that is not
valid is a usage error (exit code 2). \`NO_COLOR\` is honoured. \`doctor\` reads this one, and those of the services where it runs.`;

export const settings = {
  url: setting({
    env: 'CC_EXECUTOR_URL',
    schema: urlText(['ws', 'wss']),
    default: 'ws://127.0.0.1:8003/ws',
    description: 'The gateway to talk to; `--url` goes before it. Without a path, /ws is taken.',
  }),
  token: setting({
    env: 'CC_EXECUTOR_TOKEN',
    schema: text().optional(),
    secret: true,
    description: 'The token to show a gateway that asks for one; `--token` goes before it.',
  }),
  ...keysSettings,
};

/** The token to show, if there is one. Errors: `ConfigError`. */
export function readToken(): string | undefined {
  return tokenOption() ?? loadConfig(appName, { token: settings.token }).token;
}

/** The same as an option of a client. */
export function tokenOptions(): { token?: string } {
  const token = readToken();
  return token === undefined ? {} : { token };
}

/** The file of keys: the option, else the environment. Errors: `UsageError`, `ConfigError`. */
export function readKeysPath(option: string | undefined): string {
  const path = option ?? loadConfig(appName, keysSettings).keysFile;
  if (path === undefined) throw new UsageError('say which file: --file, or AUTH_KEYS_FILE');
  return path;
}

/** The gateway's address: the option, else the environment, else this machine. Errors: `UsageError`, `ConfigError`. */
export function readUrl(option: string | undefined): string {
  const url = option ?? loadConfig(appName, { url: settings.url }).url;
  const parsed = settings.url.schema.safeParse(url);
  if (!parsed.success) {
    throw new UsageError(`--url ${url} is not an address such as ${settings.url.default}`);
  }
  const address = new URL(parsed.data);
  if (address.pathname === '/') address.pathname = '/ws';
  return address.href;
}
