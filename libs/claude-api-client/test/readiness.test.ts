/** What an address of claude-api says of itself. */
import { freePort, startScriptedUpstream } from '@cc-executor/testing';
import { expect, it, onTestFinished } from 'vitest';
import { lookupAll } from '../src/connect.ts';
import { askReadiness } from '../src/readiness.ts';

async function ask(url: string) {
  const signal = new AbortController().signal;
  const target = new URL(url);
  return askReadiness({ target, token: undefined, connectTimeoutMs: 5_000, lookup: lookupAll, signal });
}

it('is what GET /ready says', async () => {
  const upstream = await startScriptedUpstream({});
  onTestFinished(() => upstream.close());
  expect(await ask(upstream.url)).toEqual({
    ok: true,
    detail: '/ready answers 200',
    statusCode: 200,
    body: { status: 'ok' },
  });
});

it('is false when it says so, with its reasons', async () => {
  const upstream = await startScriptedUpstream({}, { ready: 503 });
  onTestFinished(() => upstream.close());
  expect(await ask(upstream.url)).toEqual({
    ok: false,
    detail: '/ready answers 503',
    statusCode: 503,
    body: { status: 'failing' },
  });
});

it('is what GET /health says of a service that has no other', async () => {
  const upstream = await startScriptedUpstream({}, { ready: 404 });
  onTestFinished(() => upstream.close());
  expect(await ask(upstream.url)).toMatchObject({ ok: true, detail: '/health answers 200' });
  expect(upstream.openConnections()).toBe(0);
});

it('is false, with what to try, when nobody answers', async () => {
  const readiness = await ask(`http://127.0.0.1:${await freePort()}`);
  expect(readiness.ok).toBe(false);
  expect(readiness.detail).toContain('connection refused (ECONNREFUSED)');
});
