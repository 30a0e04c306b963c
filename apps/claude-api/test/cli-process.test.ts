import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { runCliProcess } from '../src/cli-process.ts';
import { bestContainment, temporaryFolder } from './harness.ts';

test('output is not read on while its receiver is not ready, and what is left comes after the end', async () => {
  const { promise: never } = Promise.withResolvers<void>();
  let bytes = 0;
  const ending = await runCliProcess(
    {
      file: process.execPath,
      args: [fileURLToPath(new URL('fixtures/fake-cli.mjs', import.meta.url)), '--model=floodsUntilBlocked'],
      cwd: temporaryFolder(),
      env: { PATH: process.env.PATH },
      input: '',
      marker: `cli-process-test-${process.pid}`,
    },
    {
      signal: new AbortController().signal,
      stopGraceMs: 100,
      containment: bestContainment(),
      onOutput(chunk) {
        bytes += chunk.length;
        return never;
      },
    },
  );
  expect(ending).toEqual({ exitCode: 0, signal: null, stderr: 'blocked' });
  expect(bytes).toBeLessThan(2 * 1024 * 1024);
});
