/**
 * Lets in only callers that know the token. Probes and scrapers know none: /health, /ready and /metrics stay open, and
 * tell with WWW-Authenticate that a token is wanted, so that workers see before their first job that theirs is wrong.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpServer } from '@cc-executor/service';

const OPEN_PATHS = ['/health', '/ready', '/metrics'];

/** @param token undefined: everybody who reaches the port may call */
export function requireToken(app: HttpServer, token: string | undefined): void {
  if (token === undefined) return;
  const expected = digest(`Bearer ${token}`);
  app.addHook('onRequest', async ({ headers, routeOptions }, reply) => {
    // Digests are equally long, as timingSafeEqual needs them, and tell nothing of the token's length.
    if (timingSafeEqual(digest(headers.authorization ?? ''), expected)) return;
    reply.header('www-authenticate', 'Bearer');
    if (OPEN_PATHS.includes(routeOptions.url ?? '')) return;
    const message = `${headers.authorization === undefined ? 'No token was sent' : 'The token is another one'}: CLAUDE_API_TOKEN must be the same for claude-api and its callers`;
    return reply.code(401).send({ error: { code: 'unauthorized', message } });
  });
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
