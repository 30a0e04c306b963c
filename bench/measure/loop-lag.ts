/** How long a service's event loop keeps things waiting, as it says itself. */

const METRIC = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)$/m;

/** p99 in ms since it was last asked, at which it begins anew; NaN when it does not tell. */
export async function readLoopLagMs(webSocketUrl: string): Promise<number> {
  const url = new URL('/metrics', webSocketUrl.replace(/^ws/, 'http'));
  const text = await (await fetch(url)).text();
  return Number(METRIC.exec(text)?.[1] ?? Number.NaN) * 1_000;
}
