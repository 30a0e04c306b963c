/** What a start has to wait for: a command loads what it works with, and nothing else. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startGateway } from './cli-process.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

/** Says which files of packages were loaded, and whether Node's own client of HTTP was. */
const SPY = `
import { registerHooks } from 'node:module';
const files = [];
registerHooks({
  load(url, context, next) {
    const [, file] = /(?:node_modules|libs)\\/(.+)/.exec(url) ?? [];
    if (file) files.push(file);
    return next(url, context);
  },
});
process.on('exit', () => {
  if (process.moduleLoadList.some((name) => name.includes('undici/undici'))) files.push('undici/');
  process._rawDebug(JSON.stringify(files));
});`;

async function loadedBy(args: string[], url = ''): Promise<string[]> {
  const spy = `data:text/javascript,${encodeURIComponent(SPY)}`;
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', spy, main, ...args], {
    env: { CC_EXECUTOR_URL: url },
  });
  return JSON.parse(stderr.trim().split('\n').at(-1) ?? '');
}

it('waits for --help for neither schemas, nor a logger, nor a connection', async () => {
  const packages = (await loadedBy(['--help'])).map((file) => file.split('/', 1)[0]);
  expect([...new Set(packages)].sort()).toEqual(['claude-options', 'commander']);
});

it('waits for a question to the gateway for neither a logger nor the schemas of messages', async () => {
  const gateway = await startGateway();
  const asked = loadedBy(['jobs'], gateway.url);
  const connection = await gateway.accept();
  connection.reply(await connection.expect('list'), { jobs: [] });
  const files = await asked;
  expect(files).toContain('ws/wrapper.mjs');
  const slow = files.filter((file) => /^(?:pino\/|undici\/|protocol\/src\/index\.ts)/.test(file));
  expect(slow).toEqual([]);
});
