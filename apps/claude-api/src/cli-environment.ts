/**
 * The CLI's environment: this process's own, so that whatever Claude Code understands (Bedrock, Vertex, proxies …)
 * reaches it, with the configured credentials.
 */

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
