import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@cc-executor/runtime';
import { expect, test, vi } from 'vitest';
import { warningsOf } from '../src/config-folder.ts';
import { claudeEngine, startApi, temporaryFolder } from './harness.ts';

/** Below a file there is no folder to be made. */
function unwritable(): string {
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  return join(file, '.claude');
}

test('a folder that can be written, or made, is nothing to warn of', () => {
  const base = temporaryFolder();
  expect(warningsOf(base)).toEqual([]);
  expect(warningsOf(join(base, 'home', '.claude'))).toEqual([]);
});

test('one that cannot is a warning that says what is lost, at the start and in /ready', async () => {
  const warning = expect.stringMatching(/ENOTDIR.*no conversation can be continued/);
  const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
  const warn = vi.spyOn(logger, 'warn');
  const engine = claudeEngine({
    environment: { PATH: process.env.PATH, CLAUDE_CONFIG_DIR: unwritable() },
    credentials: { apiKey: 'k', authToken: undefined, oauthToken: undefined, baseUrl: undefined },
    logger,
  });
  expect(warn.mock.calls).toEqual([[warning]]);
  const { url } = await startApi(engine);
  const ready = await fetch(`${url}/ready`);
  expect(ready.status).toBe(200);
  const { checks } = (await ready.json()) as { checks: { engine: object } };
  expect(checks.engine).toMatchObject({ ok: true, detail: warning, data: { warnings: [warning] } });
});
