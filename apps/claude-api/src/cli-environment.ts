/** The CLI's environment: this process's own, with the configured credentials, and which of those there are. */
import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Credentials {
  /** Empty: no key may be used. Undefined: none is configured. */
  readonly apiKey: string | undefined;
  readonly authToken: string | undefined;
  readonly oauthToken: string | undefined;
  readonly baseUrl: string | undefined;
}

/** Set inside a running Claude Code; a Claude Code that inherits them would take itself for a part of that one. */
const SESSION_VARIABLES =
  /^(CLAUDECODE|CLAUDE_PID|CLAUDE_CODE_(SESSION|CHILD|MESSAGING|ENTRYPOINT|EXECPATH).*)$/;

/** Builds the environment. An empty API key is left out: the CLI would take it for a key. */
export function buildCliEnvironment(base: Environment, credentials: Credentials): Environment {
  const inherited = Object.entries(base).filter(([name]) => !SESSION_VARIABLES.test(name));
  return {
    ...Object.fromEntries(inherited),
    ANTHROPIC_API_KEY: credentials.apiKey || undefined,
    ANTHROPIC_AUTH_TOKEN: credentials.authToken,
    CLAUDE_CODE_OAUTH_TOKEN: credentials.oauthToken,
    ANTHROPIC_BASE_URL: credentials.baseUrl,
  };
}

/**
 * Says in words which ways to the model are configured; never their values.
 * An empty list means that the CLI would ask for a login.
 */
export function describeCredentials(env: Environment, credentials: Credentials): string[] {
  const folder = env.CLAUDE_CONFIG_DIR ?? join(env.HOME ?? homedir(), '.claude');
  const found: [string, boolean][] = [
    ['API key', Boolean(credentials.apiKey)],
    ['auth token', credentials.authToken !== undefined],
    ['OAuth token', credentials.oauthToken !== undefined],
    ['login in the home folder', existsSync(join(folder, '.credentials.json'))],
    ['API key helper', hasKeyHelper(join(folder, 'settings.json'))],
    [
      'cloud provider',
      Object.keys(env).some((name) => /^CLAUDE_CODE_USE_(BEDROCK|VERTEX|FOUNDRY)$/.test(name)),
    ],
    // The login of macOS is in its keychain, which cannot be asked without a prompt to the user.
    ['perhaps a login in the keychain', process.platform === 'darwin'],
  ];
  return found.filter(([, present]) => present).map(([name]) => name);
}

function hasKeyHelper(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').includes('"apiKeyHelper"');
  } catch {
    // There are no settings, or they are not for us to read.
    return false;
  }
}
