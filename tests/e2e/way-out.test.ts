/** Whether the real Claude Code takes the way out that compose gives it, and no other. */
import { freePort } from '@cc-executor/testing';
import { expect, it } from 'vitest';
import { runNode } from './support/child.ts';
import { useClaudeStack } from './support/claude.ts';
import { startEgress } from './support/egress.ts';
import { nonce } from './support/nonce.ts';
import { main } from './support/up.ts';

const EGRESS_PORT = String(await freePort());
const proxy = `http://127.0.0.1:${EGRESS_PORT}`;

const stack = useClaudeStack('real', {
  claudeEnv: {
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    // As if it were another machine.
    NO_PROXY: 'none.example',
    no_proxy: 'none.example',
    CLAUDE_CODE_MAX_RETRIES: '0',
  },
});

it.each([
  ['is reached when egress allows it', true],
  ['is not reached when egress does not, though it could be without', false],
])('a model inside %s', async (_, isAllowed) => {
  const { host } = new URL(stack().model.url);
  await startEgress({ EGRESS_PORT, EGRESS_ALLOW: isAllowed ? host : '' });
  const text = nonce();
  const run = runNode([main, 'run', '--url', stack().url(), `[[text: ${text}]]`]);
  const { code } = await run.ended;
  expect({ code, isAnswered: run.stdout().includes(text) }, run.stderr()).toEqual({
    code: isAllowed ? 0 : 1,
    isAnswered: isAllowed,
  });
  if (!isAllowed)
    expect(run.stdout() + run.stderr()).toMatch(/the way out \(egress\): .* no public address|EGRESS_PORTS/);
});
