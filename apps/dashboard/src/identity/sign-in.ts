/**
 * Signing in and out: a form that needs no script, a key for a cookie. The key is shown to a gateway and kept for the session; it
 * stands in no address, log or answer.
 */
import { createFailedLogins } from '@cc-executor/identity/failed-logins';
import { auditLogger, type Logger, logEvents } from '@cc-executor/runtime';
import type { HttpReply, HttpRequest, HttpServer } from '@cc-executor/service';
import { refuse } from '../problem.ts';
import { renderSignIn } from '../sign-in-page.ts';
import { COOKIE, type Entrance, isSameOrigin, sessionIn } from './entrance.ts';
import { GatewayAwayError, type Holder, type KeyCheck } from './key-check.ts';
import type { Sessions } from './sessions.ts';

const FORM = 'application/x-www-form-urlencoded';
const MAX_FORM_BYTES = 16 * 1024;

/** Adds `/sign-in` and `/sign-out`. */
export function openSignIn(
  app: HttpServer,
  parts: {
    entrance: Pick<Entrance, 'visitorOf'>;
    keyCheck: KeyCheck;
    sessions: Sessions;
    lifeMs: number;
    pageHeaders: Record<string, string>;
    logger: Logger;
  },
): void {
  const { entrance, keyCheck, sessions, lifeMs, pageHeaders, logger } = parts;
  const failedLogins = createFailedLogins();

  function showForm(reply: HttpReply, status: number, shown: { next: string; trouble?: string }): HttpReply {
    return reply
      .code(status)
      .headers({ ...pageHeaders, 'cache-control': 'no-store' })
      .type('text/html; charset=utf-8')
      .send(renderSignIn(shown));
  }

  async function signIn(request: HttpRequest, reply: HttpReply): Promise<HttpReply> {
    if (!isSameOrigin(request.headers)) {
      const detail = 'Pages of elsewhere may not sign in here.';
      return refuse(reply, { status: 403, code: 'forbidden', detail });
    }
    const form = (request.body ?? {}) as Record<string, string>;
    const next = placeOf(form.next);
    const key = form.key?.trim() ?? '';
    let holder: Holder | undefined;
    try {
      holder = /^[\x21-\x7e]+$/.test(key) ? await keyCheck.holderOf(key) : undefined;
    } catch (error) {
      if (!(error instanceof GatewayAwayError)) throw error;
      return showForm(reply, 503, { next, trouble: error.message });
    }
    if (holder === undefined) {
      const source = request.socket.remoteAddress ?? 'gone';
      const delayMs = failedLogins.failed(source);
      auditLogger(logger).info(
        { event: logEvents.loginFailed, source, door: 'dashboard', delayMs },
        'login failed',
      );
      await failedLogins.holdBack(delayMs);
      return showForm(reply, 401, { next, trouble: 'This key lets nobody in.' });
    }
    const before = sessionIn(request.headers);
    if (before !== undefined) sessions.end(before);
    note(holder, 'signIn');
    return reply.header('set-cookie', cookieOf(request, sessions.begin(key), lifeMs)).redirect(next, 303);
  }

  function note({ who, tenant, role }: Holder, method: 'signIn' | 'signOut'): void {
    const said = { who, tenant, role, door: 'dashboard', method, outcome: 'ok' };
    auditLogger(logger).info({ event: logEvents.audit, ...said }, 'audit');
  }

  app.get('/sign-in', async (request, reply) => {
    const { next } = request.query as { next?: string };
    return showForm(reply, 200, { next: placeOf(next) });
  });
  app.register(async (scope) => {
    scope.addContentTypeParser(
      FORM,
      { parseAs: 'string', bodyLimit: MAX_FORM_BYTES },
      (_request, body, done) => done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    scope.post('/sign-in', signIn);
    scope.post('/sign-out', async (request, reply) => {
      const visitor = entrance.visitorOf(request);
      if (visitor.session !== undefined) {
        sessions.end(visitor.session);
        note(visitor, 'signOut');
      }
      return reply.header('set-cookie', cookieOf(request, '', 0)).redirect('/sign-in', 303);
    });
  });
}

/** A page of ours, whatever was asked for. */
function placeOf(next: string | undefined): string {
  const here = 'http://dashboard.invalid';
  const url = URL.canParse(next ?? '', here) ? new URL(next ?? '', here) : undefined;
  // A browser takes what stands behind two slashes for a host.
  return url?.origin === here && !url.pathname.startsWith('//') ? `${url.pathname}${url.search}` : '/';
}

function cookieOf({ headers }: HttpRequest, value: string, lifeMs: number): string {
  const isSecure = headers['x-forwarded-proto'] === 'https';
  const rules = ['HttpOnly', 'SameSite=Strict', 'Path=/', `Max-Age=${Math.floor(lifeMs / 1_000)}`];
  return [`${COOKIE}=${value}`, ...rules, ...(isSecure ? ['Secure'] : [])].join('; ');
}
