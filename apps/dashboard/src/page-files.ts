/**
 * The files that make our pages in a browser. Their scripts are bundled when one is first asked for, or lie in `dist` where an
 * image was built. Pages load nothing from elsewhere, and run nothing but these scripts.
 */
import { readdir, readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { version } from '@cc-executor/runtime';
import type { HttpServer } from '@cc-executor/service';
import { renderDocument } from './document.ts';
import type { GatewayDoorOptions } from './gateway-door.ts';
import type { Entrance, Visitor } from './identity/entrance.ts';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/** Of every document of ours. */
export const pageHeaders = { 'content-security-policy': POLICY, 'cache-control': 'no-cache' };

const STYLES = ['style.css', 'playground/playground.css'] as const;
export const BUNDLED = new URL('../dist/', import.meta.url);

type Shown = Pick<GatewayDoorOptions, 'showContent' | 'gatewayUrl'>;

/** Adds the pages: one document for all of them, which its scripts fill. It says who looks at it, and what they may do. */
export function servePages(
  app: HttpServer,
  { showContent, gatewayUrl, visitorOf }: Shown & Pick<Entrance, 'visitorOf'>,
): void {
  let scripts: Promise<Map<string, string>> | undefined;

  for (const url of ['/', '/jobs', '/jobs/:jobId', '/playground', '/playground/:jobId']) {
    app.get(url, async (request, reply) => {
      const visitor = visitorOf(request);
      // What is told there is of all tenants.
      if (url === '/' && visitor.role !== 'admin') return reply.redirect('/jobs', 303);
      const page = renderPage({ showContent, gatewayUrl }, visitor);
      return reply.headers(pageHeaders).type('text/html; charset=utf-8').send(page);
    });
  }
  for (const style of STYLES) {
    app.get(`/assets/${basename(style)}`, async (_request, reply) =>
      reply
        .headers(pageHeaders)
        .type('text/css; charset=utf-8')
        .send(await readFile(new URL(`./browser/${style}`, import.meta.url))),
    );
  }
  app.get<{ Params: { script: string } }>('/assets/:script', async (request, reply) => {
    scripts ??= loadScripts();
    // Ones that failed are tried again.
    scripts.catch(() => {
      scripts = undefined;
    });
    const code = (await scripts).get(request.params.script);
    if (code === undefined) return reply.callNotFound();
    return reply.headers(pageHeaders).type('text/javascript; charset=utf-8').send(code);
  });
}

async function loadScripts(): Promise<Map<string, string>> {
  try {
    const files = await readdir(BUNDLED);
    return new Map(
      await Promise.all(
        files.map(async (file) => [file, await readFile(new URL(file, BUNDLED), 'utf8')] as const),
      ),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    const { bundlePages } = await import('./bundle.ts');
    return bundlePages();
  }
}

function renderPage({ showContent, gatewayUrl }: Shown, { role, who, tenant, session }: Visitor): string {
  return renderDocument({
    title: 'CC Executor',
    data: {
      content: showContent ? 'shown' : 'hidden',
      version,
      gateway: new URL(gatewayUrl).origin,
      role,
      ...(who !== '' && { who, tenant }),
      ...(session !== undefined && { session: 'yes' }),
    },
    styles: STYLES.map((style) => `/assets/${basename(style)}`),
    script: '/assets/pages.js',
    body: '<noscript>These pages need JavaScript.</noscript>',
  });
}
