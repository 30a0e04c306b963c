/** The first page: what is here. */
import { version } from '@cc-executor/runtime';
import { BOARD_PATH } from '../board.ts';

/** The page as HTML. */
export function renderIndexPage(): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>CC Executor</title>
<style>
  :root { color-scheme: light dark; }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 42rem; margin: 4rem auto; padding: 0 1.5rem; }
  h1 { font-size: 1.5rem; }
  dt { font-weight: 600; margin-top: 1rem; }
  dd { margin: 0; }
  footer { margin-top: 3rem; opacity: .65; font-size: .875rem; }
</style>
</head>
<body>
<h1>CC Executor</h1>
<p>Runs Claude Code for other programs. This dashboard shows, and changes nothing.</p>
<dl>
  <dt><a href="${BOARD_PATH}">Queue</a></dt>
  <dd>Which jobs wait, run, are done or have failed, by job id.</dd>
  <dt><a href="/ready">Readiness</a></dt>
  <dd>Whether Redis answers.</dd>
</dl>
<p>What a job said is read with <code>npx cc-executor attach &lt;job id&gt;</code>.</p>
<footer>version ${version}</footer>
</body>
</html>
`;
}
