/**
 * Lets in only callers that know the token. Probes and scrapers know none: /health, /ready and /metrics stay open, and
 * tell with WWW-Authenticate that a token is wanted, so that workers see before their first job that theirs is wrong.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { HttpServer } from '@cc-executor/service';

const OPEN_PATHS = ['/health', '/ready', '/metrics'];

/**
 * Only the digest is known here: what Claude Code runs as the same user may read what this process was given.
 *
 * @param tokenSha256 in hex; undefined: everybody who reaches the port may call
 */
export function requireToken(app: HttpServer, tokenSha256: string | undefined): void {
  if (tokenSha256 === undefined) return;
  const expected = Buffer.from(tokenSha256, 'hex');
  app.addHook('onRequest', async ({ headers, routeOptions }, reply) => {
    const [, sent = ''] = /^Bearer (.+)$/.exec(headers.authorization ?? '') ?? [];
    // Digests are equally long, as timingSafeEqual needs them, and tell nothing of the token's length.
    if (timingSafeEqual(sha256(sent), expected) && sent !== '') return;
    reply.header('www-authenticate', 'Bearer');
    if (OPEN_PATHS.includes(routeOptions.url ?? '')) return;
    const message = `${headers.authorization === undefined ? 'No token was sent' : 'The token is another one'}: CLAUDE_API_TOKEN must be the same for claude-api and its callers`;
    return reply.code(401).send({ error: { code: 'unauthorized', message } });
  });
}

/** What `requireToken` wants of a token. */
export function digestOfToken(token: string): string {
  return sha256(token).toString('hex');
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
