/**
 * The CLI's environment: of this process's own what Claude Code understands (Bedrock, Vertex, proxies …) and what the
 * operator adds, with the configured credentials. This service's own settings, its token first of all, are not in it.
 */
import { isClaudeVariable } from '@cc-executor/claude-options';
import { settings } from './config.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export type Credentials = {
  /** Empty: no key may be used. Undefined: none is configured. */
  readonly apiKey: string | undefined;
  readonly authToken: string | undefined;
  readonly oauthToken: string | undefined;
  readonly baseUrl: string | undefined;
};

/** Set inside a running Claude Code; a Claude Code that inherits them would take itself for a part of that one. */
const SESSION_VARIABLES =
  /^(CLAUDECODE|CLAUDE_PID|CLAUDE_CODE_(SESSION|CHILD|MESSAGING|ENTRYPOINT|EXECPATH).*)$/;

/** What says where telemetry goes, and shows who may send it: for Claude Code only where its operator has it send any. */
const TELEMETRY = /^OTEL_(?!SERVICE_NAME$)/;

/** Of this service and of workers, which share its machine under `npm start`. */
const OWN_VARIABLES = new Set(
  Object.values(settings).flatMap(({ env }) => [env, `${env}_FILE`, 'CLAUDE_API_URL', 'CLAUDE_API_PATH']),
);

/**
 * Builds the environment. An empty API key is left out: the CLI would take it for a key.
 *
 * @param passed names that the operator adds to those of Claude Code
 */
export function buildCliEnvironment(
  base: Environment,
  credentials: Partial<Credentials>,
  passed: readonly string[],
): Environment {
  const isTelemetryOn = /^(1|true|yes|on)$/i.test(base.CLAUDE_CODE_ENABLE_TELEMETRY ?? '');
  const isInherited = (name: string) => {
    if (name.startsWith('OTEL_')) return isTelemetryOn && TELEMETRY.test(name);
    return (
      (isClaudeVariable(name) || passed.includes(name)) &&
      !OWN_VARIABLES.has(name) &&
      !SESSION_VARIABLES.test(name)
    );
  };
  const inherited = Object.entries(base).filter(([name]) => isInherited(name));
  return {
    // How long it waits for what runs in the background: whoever asked for the run says how long that may take.
    CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS: '0',
    ...Object.fromEntries(inherited),
    ANTHROPIC_API_KEY: credentials.apiKey || undefined,
    ANTHROPIC_AUTH_TOKEN: credentials.authToken,
    CLAUDE_CODE_OAUTH_TOKEN: credentials.oauthToken,
    ANTHROPIC_BASE_URL: credentials.baseUrl,
  };
}
