/** To whom the command line shows the token of `npm start -- --auth`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { stateFolder, tokenOptions } from '../src/config.ts';
import { localTokenFile } from '../src/local-token.ts';
import { writeWhole } from '../src/write-whole.ts';

const IS_LINUX = process.platform === 'linux';

beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'local-token-'));
  for (const name of ['XDG_STATE_HOME', 'XDG_CONFIG_HOME']) vi.stubEnv(name, folder);
  for (const name of ['CC_EXECUTOR_TOKEN', 'CC_EXECUTOR_PROFILE']) vi.stubEnv(name, undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
});

/** What gives the token for this port, where one is kept. */
function keepFor(port: number): (() => string) | undefined {
  writeWhole(localTokenFile(stateFolder(), port), 'key_1.secret\n');
  return tokenOptions(`ws://127.0.0.1:${port}/ws`).token;
}

test('what this user runs sees it, and nothing else while that is down', async (context) => {
  if (!IS_LINUX) context.skip('only Linux says whose a port is');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const token = keepFor(port);
  expect(token?.()).toBe('key_1.secret');
  await new Promise((resolve) => server.close(resolve));
  expect(token).toThrow(`nothing listens at port ${port}`);
});

test("another user's program at the port does not see it, at whatever address of the machine it listens", async (context) => {
  if (!IS_LINUX || process.getuid?.() !== 0) context.skip('to listen as another user takes root');
  for (const address of ['127.0.0.1', '127.0.0.2']) {
    const code = `process.seteuid(65534);
      require('node:net').createServer().listen(0, '${address}', function () { console.log(this.address().port); });`;
    const other = spawn(process.execPath, ['-e', code], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void other.kill());
    const [said] = await once(other.stdout, 'data');
    expect(keepFor(Number(said)), address).toThrow("another user's program listens");
  }
});
