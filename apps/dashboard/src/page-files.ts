/**
 * The files that make our pages in a browser. Their script is bundled when it is first asked for, or lies in `dist` where an
 * image was built. Pages load nothing from elsewhere, and run nothing but this script.
 */
import { readFile } from 'node:fs/promises';
import { version } from '@cc-executor/runtime';
import type { HttpServer } from '@cc-executor/service';
import { renderDocument } from './document.ts';
import type { Entrance, Visitor } from './identity/entrance.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/** Of every document of ours. */
export const pageHeaders = { 'content-security-policy': POLICY, 'cache-control': 'no-cache' };

const STYLE = new URL('./browser/style.css', import.meta.url);
export const BUNDLED = new URL('../dist/pages.js', import.meta.url);

/** Adds the pages: one document for all of them, which its script fills. It says who looks at it, and what they may do. */
export function servePages(
  app: HttpServer,
  { showContent, visitorOf }: { showContent: boolean } & Pick<Entrance, 'visitorOf'>,
): void {
  let script: Promise<string> | undefined;

  for (const url of ['/', '/jobs', '/jobs/:jobId']) {
    app.get(url, async (request, reply) => {
      const visitor = visitorOf(request);
      // What is told there is of all tenants.
      if (url === '/' && visitor.role !== 'admin') return reply.redirect('/jobs', 303);
      const page = renderPage(showContent, visitor);
      return reply.headers(pageHeaders).type('text/html; charset=utf-8').send(page);
    });
  }
  app.get('/assets/style.css', async (_request, reply) =>
    reply
      .headers(pageHeaders)
      .type('text/css; charset=utf-8')
      .send(await readFile(STYLE)),
  );
  app.get('/assets/pages.js', async (_request, reply) => {
    script ??= loadScript();
    // One that failed is tried again.
    script.catch(() => {
      script = undefined;
    });
    return reply
      .headers(pageHeaders)
      .type('text/javascript; charset=utf-8')
      .send(await script);
  });
}

async function loadScript(): Promise<string> {
  try {
    return await readFile(BUNDLED, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const { bundlePages } = await import('./bundle.ts');
    return bundlePages();
  }
}

function renderPage(showContent: boolean, { role, who, tenant, session }: Visitor): string {
  return renderDocument({
    title: 'CC Executor',
    data: {
      content: showContent ? 'shown' : 'hidden',
      version,
      role,
      ...(who !== '' && { who, tenant }),
      ...(session !== undefined && { session: 'yes' }),
    },
    script: '/assets/pages.js',
    body: '<noscript>These pages need JavaScript.</noscript>',
  });
}
