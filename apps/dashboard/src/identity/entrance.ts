/**
 * Who looks at the pages, decided before anything else of a request: by the key of a proxy (`Authorization`), of a session, or of the
 * operator's configuration. What a page of elsewhere, on this machine too, has a browser send with a session is refused.
 */
import type { IncomingHttpHeaders } from 'node:http';
import type { HttpReply, HttpRequest, HttpServer } from '@cc-executor/service';
import { refuse } from '../problem.ts';
import { GatewayAwayError, type Holder, type KeyCheck } from './key-check.ts';
import type { Sessions } from './sessions.ts';

export type Visitor = Holder & {
  /** With which gateways are asked. Undefined: they ask for none. */
  key: string | undefined;
  /** The name of the session, where the key is of one. */
  session: string | undefined;
};

export type Entrance = {
  /** Who sends a request that has come in. */
  visitorOf(request: HttpRequest): Visitor;
  /** A gateway has refused the key of this request: nobody comes in with it until one has been asked again. */
  refused(request: HttpRequest): void;
};

export const COOKIE = 'cc_executor_session';

/** Where nobody is asked. */
const ANYBODY: Visitor = { who: '', tenant: '', role: 'admin', key: undefined, session: undefined };
const OPEN: ReadonlySet<string> = new Set([
  ...['/health', '/ready', '/metrics', '/sign-in', '/assets/style.css'],
]);

export type EntranceOptions = {
  readonly authMode?: 'none' | 'keys' | 'jwt' | undefined;
  /** The key of those who have not signed in. */
  readonly token?: string | undefined;
};

/** Watches all routes but those that everybody may see. */
export function openEntrance(
  app: HttpServer,
  { authMode, token, keyCheck, sessions }: EntranceOptions & { keyCheck: KeyCheck; sessions: Sessions },
): Entrance {
  const visitors = new WeakMap<HttpRequest, Visitor>();

  async function find(headers: IncomingHttpHeaders): Promise<Visitor | undefined> {
    if (authMode === undefined || authMode === 'none') return ANYBODY;
    const [, shown] = /^Bearer +([\x21-\x7e]+) *$/i.exec(headers.authorization ?? '') ?? [];
    const session = shown === undefined ? sessionIn(headers) : undefined;
    const sessionKey = session && sessions.keyOf(session);
    const key = shown ?? sessionKey ?? token;
    const holder = key === undefined ? undefined : await keyCheck.holderOf(key);
    if (holder === undefined && session !== undefined) sessions.end(session);
    return holder && { ...holder, key, session: sessionKey && session };
  }

  async function admit(request: HttpRequest, reply: HttpReply): Promise<HttpReply | undefined> {
    const visitor = await find(request.headers);
    if (visitor === undefined) return sendAway(request, reply);
    // Also with a key that is shown: a proxy adds it to whatever a browser was made to send.
    if (visitor.key !== undefined && !isSafe(request) && !isSameOrigin(request.headers)) {
      const detail = 'Pages of elsewhere may not do this here.';
      return refuse(reply, { status: 403, code: 'forbidden', detail });
    }
    visitors.set(request, visitor);
    return undefined;
  }

  app.addHook('onRequest', async (request, reply) => {
    const { url } = request.routeOptions;
    if (url === undefined || OPEN.has(url)) return;
    try {
      return await admit(request, reply);
    } catch (error) {
      if (!(error instanceof GatewayAwayError)) throw error;
      return refuse(reply, { status: 503, code: 'unavailable', detail: error.message });
    }
  });

  return {
    visitorOf(request) {
      const visitor = visitors.get(request);
      if (visitor === undefined) throw new Error(`nobody was asked who asks for ${request.routeOptions.url}`);
      return visitor;
    },
    refused(request) {
      const { key, session } = visitors.get(request) ?? ANYBODY;
      if (key !== undefined) keyCheck.forget(key);
      if (session !== undefined) sessions.end(session);
    },
  };
}

/** To where one signs in, or, what is no page, with an error. */
function sendAway(request: HttpRequest, reply: HttpReply): HttpReply {
  const isPage = isSafe(request) && request.headers.accept?.includes('text/html') === true;
  if (isPage) return reply.redirect(`/sign-in?next=${encodeURIComponent(request.url)}`, 303);
  const detail = 'Sign in at /sign-in, or show a key as Authorization: Bearer.';
  return refuse(reply.header('www-authenticate', 'Bearer'), { status: 401, code: 'unauthenticated', detail });
}

function isSafe({ method }: HttpRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** The name of the session that a browser shows. */
export function sessionIn({ cookie }: IncomingHttpHeaders): string | undefined {
  return new RegExp(`(?:^|;\\s*)${COOKIE}=([\\w-]{43,4000})(?:;|$)`).exec(cookie ?? '')?.[1];
}

/** Whether what sends it, when that is a browser, shows a page of this server. A cookie knows no ports, so its SameSite is not enough. */
export function isSameOrigin({ origin, host, ...headers }: IncomingHttpHeaders): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' || site === 'none';
  return origin === undefined || (URL.canParse(origin) && new URL(origin).host === host);
}
