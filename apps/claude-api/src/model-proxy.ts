/**
 * Stands between Claude Code and the model's API, on loopback, and adds the credentials: neither Claude Code nor a tool
 * of it ever has them. Each run has a ticket in their place, which is worth nothing elsewhere, or after the run.
 * Requests and answers pass through as they come.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent as HttpAgent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { Logger } from '@cc-executor/runtime';
import { listenOnLoopback } from '@cc-executor/service';
import type { Credentials, Environment } from './cli-environment.ts';

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
  /** Lets one run in. */
  admit(): ModelAccess;
  close(): Promise<void>;
};

/**
 * Starts it.
 *
 * @param options.environment of this, the way through proxies and further headers are taken
 */
export async function startModelProxy(options: {
  credentials: Credentials;
  environment: Environment;
  logger: Logger;
}): Promise<ModelProxy> {
  const { credentials, environment, logger } = options;
  const { apiKey, authToken, oauthToken, baseUrl = ANTHROPIC } = credentials;
  const base = new URL(baseUrl);
  const further = parseHeaders(environment.ANTHROPIC_CUSTOM_HEADERS ?? '');
  const tickets = new Set<string>();
  const isSecure = base.protocol === 'https:';
  const agentOptions = { keepAlive: true, timeout: IDLE_MS, proxyEnv: { ...environment } };
  const agent = isSecure ? new HttpsAgent(agentOptions) : new HttpAgent(agentOptions);

  /** The headers for the model; undefined when there is no valid ticket among those that came. */
  function authorize(headers: IncomingMessage['headers']) {
    const { 'x-api-key': key, authorization, ...rest } = headers;
    const bearer = /^Bearer (.+)$/i.exec(authorization ?? '')?.[1];
    const given = [key, bearer].filter((ticket) => ticket !== undefined);
    if (given.length === 0 || !given.every((ticket) => tickets.has(String(ticket)))) return undefined;
    const kept = Object.entries(rest).filter(([name]) => !HOP_BY_HOP.has(name));
    return {
      ...Object.fromEntries(kept),
      ...further,
      ...(key !== undefined && { 'x-api-key': apiKey }),
      ...(bearer !== undefined && { authorization: `Bearer ${authToken ?? oauthToken}` }),
    };
  }

  const listener = await listenOnLoopback(async (request, response) => {
    const { url = '' } = request;
    const headers = authorize(request.headers);
    // Anything else could lead to another host than the model's.
    if (headers === undefined || !url.startsWith('/')) {
      response.writeHead(401, { 'content-type': 'application/json' });
      response.end(errorBody('authentication_error', 'claude-api knows no run with this ticket'));
      return;
    }
    const target = `${base.origin}${base.pathname.replace(/\/$/, '')}${url}`;
    const send = isSecure ? requestHttps : requestHttp;
    const onward = send(target, { method: request.method, headers, agent });
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
    admit() {
      const ticket = `run-${randomBytes(32).toString('base64url')}`;
      tickets.add(ticket);
      const instead = (credential: string | undefined) => (credential ? ticket : undefined);
      const env = {
        ANTHROPIC_API_KEY: instead(apiKey),
        ANTHROPIC_AUTH_TOKEN: instead(authToken),
        CLAUDE_CODE_OAUTH_TOKEN: instead(oauthToken),
        ANTHROPIC_BASE_URL: listener.url,
        ANTHROPIC_CUSTOM_HEADERS: undefined,
        ...(base.origin === ANTHROPIC && { _CLAUDE_CODE_ASSUME_FIRST_PARTY_BASE_URL: '1' }),
        ...aroundProxies(environment),
      };
      return { env, withdraw: () => void tickets.delete(ticket) };
    },
    async close() {
      await listener.close();
      agent.destroy();
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
