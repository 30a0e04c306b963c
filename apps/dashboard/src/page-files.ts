/**
 * The files that make our pages in a browser. Their script is bundled when it is first asked for, or lies in `dist` where an
 * image was built. Pages load nothing from elsewhere, and run nothing but this script.
 */
import { readFile } from 'node:fs/promises';
import { version } from '@cc-executor/runtime';
import type { HttpServer } from '@cc-executor/service';

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const STYLE = new URL('./browser/style.css', import.meta.url);
export const BUNDLED = new URL('../dist/pages.js', import.meta.url);

/** Adds the pages: one document for all of them, which its script fills. */
export function servePages(app: HttpServer, { showContent }: { showContent: boolean }): void {
  const page = renderPage(showContent);
  let script: Promise<string> | undefined;
  const ownHeaders = { 'content-security-policy': POLICY, 'cache-control': 'no-cache' };

  for (const url of ['/', '/jobs', '/jobs/:jobId']) {
    app.get(url, async (_request, reply) =>
      reply.headers(ownHeaders).type('text/html; charset=utf-8').send(page),
    );
  }
  app.get('/assets/style.css', async (_request, reply) =>
    reply
      .headers(ownHeaders)
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
      .headers(ownHeaders)
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

function renderPage(showContent: boolean): string {
  return `<!doctype html>
<html lang="en" data-content="${showContent ? 'shown' : 'hidden'}" data-version="${version}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>CC Executor</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/style.css">
<script type="module" src="/assets/pages.js"></script>
</head>
<body>
<noscript>These pages need JavaScript. The queue is at <a href="/queues">/queues</a>.</noscript>
</body>
</html>
`;
}
