/** Whether the real Claude Code takes the way out that compose gives it, and no other. */
import { startStandInModel } from '@cc-executor/testing';
import { expect, inject, it, onTestFinished } from 'vitest';
import { runNode } from './support/child.ts';
import { startClaudeStack } from './support/claude.ts';
import { startEgress } from './support/egress.ts';
import { nonce } from './support/nonce.ts';
import { main } from './support/up.ts';

const claude = inject('realClaude');

it.for([
  ['is reached when egress allows it', true],
  ['is not reached when egress does not, though it could be without', false],
] as const)('a model inside %s', async ([, isAllowed], { skip }) => {
  skip('missing' in claude, 'missing' in claude ? claude.missing : '');
  const model = await startStandInModel();
  onTestFinished(() => model.close());
  const { host } = new URL(model.url);
  const proxy = `http://127.0.0.1:${await startEgress({ EGRESS_ALLOW: isAllowed ? host : '' })}`;
  const stack = await startClaudeStack('real', {
    claudeEnv: {
      ANTHROPIC_BASE_URL: model.url,
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
  onTestFinished(() => stack.close());
  const text = nonce();
  const run = runNode([main, 'run', '--url', stack.url(), `[[text: ${text}]]`]);
  const { code } = await run.ended;
  expect({ code, isAnswered: run.stdout().includes(text) }, run.stderr()).toEqual({
    code: isAllowed ? 0 : 1,
    isAnswered: isAllowed,
  });
  if (!isAllowed)
    expect(run.stdout() + run.stderr()).toMatch(/the way out \(egress\): .* no public address|EGRESS_PORTS/);
});
