/**
 * Stands between Claude Code and the model's API, on loopback, and adds the credentials: neither Claude Code nor a tool
 * of it ever has them. Each run has a ticket in the place of its own, which is worth nothing elsewhere, or after the run.
 * Requests and answers pass through as they come.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '@cc-executor/runtime';
import { http, https, listenOnLoopback } from '@cc-executor/service';
import type { Credentials, Environment } from './cli-environment.ts';
import { CLOUD_VARIABLES } from './cli-login.ts';

const ANTHROPIC = 'https://api.anthropic.com';
/** An idle connection to the model is given up after so long. */
const IDLE_MS = 5_000;
/** Of one connection, not of the request behind it. */
const HOP_BY_HOP = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
const PROXY_VARIABLES = ['NO_PROXY', 'no_proxy'];

type ModelAccess = {
  /** Puts the proxy in the model's place, and the ticket in that of each credential. */
  readonly env: Environment;
  /** The ticket is worth nothing from now on. Idempotent. */
  withdraw(): void;
};

export type ModelProxy = {
  /** Whether the service's credentials are here; where not, Claude Code finds them itself. */
  readonly servesOwn: boolean;
  /** Lets one run in, with these credentials, or with those of the service; undefined: those are not here. */
  admit(credentials?: Credentials): ModelAccess | undefined;
  close(): Promise<void>;
};

/**
 * Starts it.
 *
 * @param options.credentials the service's; undefined: there are none that could stand here
 * @param options.baseUrl where the model is, unless credentials say otherwise; there the further headers go, too
 * @param options.environment of this, the way through proxies and further headers are taken
 */
export async function startModelProxy(options: {
  credentials: Credentials | undefined;
  baseUrl: string | undefined;
  environment: Environment;
  logger: Logger;
}): Promise<ModelProxy> {
  const { environment, logger } = options;
  const further = parseHeaders(environment.ANTHROPIC_CUSTOM_HEADERS ?? '');
  const tickets = new Map<string, Credentials>();
  const agentOptions = { keepAlive: true, timeout: IDLE_MS, proxyEnv: { ...environment } };
  const agents = { https: new https.Agent(agentOptions), http: new http.Agent(agentOptions) };
  const home = new URL(options.baseUrl ?? ANTHROPIC);
  const baseOf = ({ baseUrl }: Credentials) => (baseUrl === undefined ? home : new URL(baseUrl));

  /** Where a request goes, and its headers there; undefined without a ticket, or with another one beside it. */
  function admitted({ 'x-api-key': key, authorization, ...rest }: IncomingMessage['headers']) {
    const bearer = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
    const given = new Set([key, bearer].filter((ticket) => ticket !== undefined));
    const [ticket] = given;
    const credentials = given.size === 1 ? tickets.get(String(ticket)) : undefined;
    if (credentials === undefined) return undefined;
    const { apiKey, authToken, oauthToken } = credentials;
    const token = authToken ?? oauthToken;
    // The ticket stands for the credentials that the run has, and for no others.
    if ((key !== undefined && !apiKey) || (bearer !== undefined && !token)) return undefined;
    const base = baseOf(credentials);
    const kept = Object.entries(rest).filter(([name]) => !HOP_BY_HOP.has(name));
    const headers = {
      ...Object.fromEntries(kept),
      ...(base.href === home.href && further),
      ...(key !== undefined && { 'x-api-key': apiKey }),
      ...(bearer !== undefined && { authorization: `Bearer ${token}` }),
    };
    return { base, headers };
  }

  const listener = await listenOnLoopback(async (request, response) => {
    const { url = '' } = request;
    const onto = admitted(request.headers);
    // Anything else could lead to another host than the model's.
    if (onto === undefined || !url.startsWith('/')) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(errorBody('authentication_error', 'claude-api knows no run with this ticket'));
      return;
    }
    const { base, headers } = onto;
    const target = `${base.origin}${base.pathname.replace(/\/$/, '')}${url}`;
    const { method } = request;
    const onward =
      base.protocol === 'https:'
        ? https.request(target, { method, headers, agent: agents.https })
        : http.request(target, { method, headers, agent: agents.http });
    response.once('close', () => onward.destroy());
    // Its first is taken below; what comes after an answer has begun breaks that off.
    onward.on('error', () => {});
    try {
      request.pipe(onward);
      const [answer] = (await once(onward, 'response')) as [IncomingMessage];
      const { statusCode = 502, statusMessage, headers: answered } = answer;
      const kept = Object.entries(answered).filter(([name]) => !HOP_BY_HOP.has(name));
      response.writeHead(statusCode, statusMessage, Object.fromEntries(kept));
      response.flushHeaders();
      await pipeline(answer, response);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (response.headersSent || response.destroyed) return void response.destroy();
      logger.warn({ code, message }, 'the model cannot be reached');
      response.writeHead(502, { 'content-type': 'application/json' });
      response.end(errorBody('api_error', `claude-api cannot reach the model: ${code ?? message}`));
    }
  });
  return {
    servesOwn: options.credentials !== undefined,
    admit(own) {
      const credentials = own ?? options.credentials;
      if (credentials === undefined) return undefined;
      const { apiKey, authToken, oauthToken } = credentials;
      const ticket = `run-${randomBytes(32).toString('base64url')}`;
      tickets.set(ticket, credentials);
      const instead = (credential: string | undefined) => (credential ? ticket : undefined);
      const env = {
        ANTHROPIC_API_KEY: instead(apiKey),
        ANTHROPIC_AUTH_TOKEN: instead(authToken),
        CLAUDE_CODE_OAUTH_TOKEN: instead(oauthToken),
        ANTHROPIC_BASE_URL: listener.url,
        ANTHROPIC_CUSTOM_HEADERS: undefined,
        ...(baseOf(credentials).origin === ANTHROPIC && { _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL: '1' }),
        ...aroundProxies(environment),
        // The model is asked with these, whatever cloud provider the service has.
        ...(own !== undefined && Object.fromEntries(CLOUD_VARIABLES.map((name) => [name, undefined]))),
      };
      return { env, withdraw: () => void tickets.delete(ticket) };
    },
    async close() {
      await listener.close();
      agents.https.destroy();
      agents.http.destroy();
    },
  };
}

/** One `Name: value` a line, as Claude Code reads them. */
function parseHeaders(text: string): Record<string, string> {
  const lines = text.split('\n').map((line) => /^\s*([^:\s]+)\s*:\s*(.*?)\s*$/.exec(line));
  return Object.fromEntries(
    lines.flatMap((match) => (match === null ? [] : [[match[1]!.toLowerCase(), match[2]!]])),
  );
}

/** Whatever proxies Claude Code takes, it takes none to us. */
function aroundProxies(environment: Environment): Record<string, string> {
  const present = PROXY_VARIABLES.filter((name) => environment[name] !== undefined);
  const names = present.length > 0 ? present : PROXY_VARIABLES.slice(0, 1);
  return Object.fromEntries(
    names.map((name) => [name, [environment[name], '127.0.0.1'].filter(Boolean).join(',')]),
  );
}

function errorBody(type: string, message: string): string {
  return JSON.stringify({ type: 'error', error: { type, message } });
}
