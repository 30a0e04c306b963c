/** Which ways to the model are configured, said in words; never their values. No model is asked. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Credentials, Environment } from './cli-environment.ts';
import { configFolderOf } from './config-folder.ts';

export type Login = {
  /** Empty: the CLI would ask for a login. */
  readonly found: readonly string[];
  /** What to do when nothing was found. */
  readonly fault: string;
};

/** What to do about a missing, expired or refused login; part of every such error. */
export const LOGIN_ADVICE =
  'where claude-api runs, set ANTHROPIC_API_KEY, or CLAUDE_CODE_OAUTH_TOKEN (from `claude setup-token`), or log in with `claude` and mount its ~/.claude';

const PROVIDERS = ['BEDROCK', 'VERTEX', 'FOUNDRY'];
/** Any of them leads Claude Code to a cloud provider. */
export const CLOUD_VARIABLES = PROVIDERS.map((name) => `CLAUDE_CODE_USE_${name}`);

/** Looks for them. @param restricted settings files are ignored, and an API key helper with them */
export function findLogin(env: Environment, credentials: Credentials, restricted: boolean): Login {
  const folder = configFolderOf(env);
  const stored = readStoredLogin(join(folder, '.credentials.json'));
  const providers = PROVIDERS.filter((name) => isOn(env[`CLAUDE_CODE_USE_${name}`]));
  const ways: [string, boolean][] = [
    ['API key', Boolean(credentials.apiKey)],
    ['auth token', Boolean(credentials.authToken)],
    ['OAuth token', Boolean(credentials.oauthToken)],
    ['login in the home folder', stored === 'usable'],
    ['API key helper', !restricted && hasKeyHelper(join(folder, 'settings.json'))],
    [`cloud provider (${providers.join(', ').toLowerCase()})`, providers.length > 0],
    // The login of macOS is in its keychain, which cannot be asked without a prompt to the user.
    ['perhaps a login in the keychain', process.platform === 'darwin'],
  ];
  const found = ways.filter(([, present]) => present).map(([name]) => name);
  const state = stored === 'expired' ? 'the login has expired' : 'no API key, token or login was found';
  return { found, fault: `${state}: ${LOGIN_ADVICE}` };
}

/** An expired access token is renewed by the CLI as long as there is a refresh token. */
function readStoredLogin(path: string): 'none' | 'usable' | 'expired' {
  try {
    const { claudeAiOauth: login } = JSON.parse(readFileSync(path, 'utf8')) as {
      claudeAiOauth?: { expiresAt?: number; refreshToken?: string };
    };
    const renewable = login?.refreshToken !== undefined && login.refreshToken !== '';
    return renewable || (login?.expiresAt ?? Infinity) > Date.now() ? 'usable' : 'expired';
  } catch {
    // There is none, or it is not for us to read.
    return 'none';
  }
}

function hasKeyHelper(path: string): boolean {
  try {
    return readFileSync(path, 'utf8').includes('"apiKeyHelper"');
  } catch {
    // There are no settings, or they are not for us to read.
    return false;
  }
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false', 'no', 'off'].includes(value.toLowerCase());
}
