import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { findToken, findUrl, readUrl } from '../src/config.ts';
import { takeGlobalOptions } from '../src/global-options.ts';
import { runHere } from './cli-here.ts';
import { startGateway } from './cli-process.ts';

const TOKEN = 'key_0123456789abcdef.ABCDEFGHIJKLMNOP';

/** A folder of its own for the file, and commands that know no other. */
function makeConfig() {
  const folder = mkdtempSync(join(tmpdir(), 'cc-executor-config-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'cc-executor', 'config.json');
  const config = (...args: string[]) =>
    runHere(['config', ...args], { env: { XDG_CONFIG_HOME: folder } }).ended;
  /** What a command prints that has nothing to complain about. */
  async function said(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await config(...args);
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  }
  function write(file: object | string): void {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, typeof file === 'string' ? file : JSON.stringify(file));
  }
  return { folder, path, config, said, write };
}

describe('cc-executor config', () => {
  it('keeps settings in profiles, in a file for its user alone, and shows no token', async () => {
    const { path, said, config } = makeConfig();
    expect(await said('path')).toBe(`${path}\n`);
    await said('set', 'url', 'https://one.example');
    await said('--profile', 'work', 'set', 'url', 'wss://two.example/cce/ws');
    await said('--profile', 'work', 'set', 'token', TOKEN);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      profiles: {
        default: { url: 'https://one.example' },
        work: { url: 'wss://two.example/cce/ws', token: TOKEN },
      },
    });
    expect(await said('list')).toBe(
      'url      https://one.example  (profile default)\ntoken    -\nprofile  default  (default)\n',
    );
    expect(await config('get', 'token')).toMatchObject({ code: 1, stdout: '' });

    await said('set', 'profile', 'work');
    expect(await said('list')).toBe(
      'url      wss://two.example/cce/ws  (profile work)\ntoken    key_…  (profile work)\nprofile  work  (config set profile)\n',
    );
    expect(await said('get', 'token')).toBe('key_…\n');
    await said('unset', 'url');
    expect(await said('get', 'url')).toBe('ws://127.0.0.1:8003/ws\n');
    await said('unset', 'profile');
    expect(await said('get', 'profile')).toBe('default\n');
  });

  it.each([
    [['set', 'ulr', 'ws://host'], 'no setting ulr; did you mean url?'],
    [['get', 'tokn'], 'no setting tokn; did you mean token?'],
    [['set', 'url', 'host:8003'], 'host:8003 is not an address'],
    [['set', 'profile', 'wrok'], 'no profile wrok; did you mean work?'],
    [['--profile', 'wrok', 'get', 'url'], 'no profile wrok; did you mean work?'],
    [['--profile', 'my work', 'set', 'url', 'ws://host'], "a profile's name"],
  ])('refuses %j, and changes nothing', async (args, reason) => {
    const { path, write, config } = makeConfig();
    write({ profiles: { work: {} } });
    const before = readFileSync(path, 'utf8');
    const { code, stdout, stderr } = await config(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(reason);
    expect(readFileSync(path, 'utf8')).toBe(before);
  });

  it('says where nothing can be kept', async () => {
    const { code, stderr } = await runHere(['config', 'set', 'url', 'ws://host'], {
      env: { XDG_CONFIG_HOME: '/dev/null' },
    }).ended;
    expect([code, stderr]).toEqual([
      2,
      expect.stringContaining('/dev/null/cc-executor/config.json cannot be written'),
    ]);
  });

  it.each([
    ['{', 'is not JSON'],
    [{ proflies: {} }, 'no setting proflies; did you mean profiles?'],
    [
      { profiles: { default: { ulr: 'ws://host' } } },
      'profile default: there is no setting ulr; did you mean url?',
    ],
    [{ profiles: { default: { url: 3 } } }, 'url has to be a text'],
    [{ profiles: [] }, 'there has to be an object'],
  ])('names the file, and what is wrong with it: %j', async (file, reason) => {
    const { path, write, config } = makeConfig();
    write(file);
    const { code, stderr } = await config('list');
    expect(code).toBe(2);
    expect(stderr).toContain(path);
    expect(stderr).toContain(reason);
  });
});

describe('the gateway and its token', () => {
  function given({ env = {}, options = {} }: { env?: Record<string, string>; options?: object } = {}): void {
    const { folder, write } = makeConfig();
    write({ profiles: { default: { url: 'ws://kept', token: 'kept' }, work: { url: 'ws://work' } } });
    vi.stubEnv('XDG_CONFIG_HOME', folder);
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
    takeGlobalOptions(options);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      takeGlobalOptions({});
    });
  }

  it('are told by an option before the environment, before the profile, before the default', () => {
    given({
      env: { CC_EXECUTOR_URL: 'ws://variable', CC_EXECUTOR_TOKEN: 'variable' },
      options: { token: 'option' },
    });
    expect(findUrl('ws://option')).toEqual({ value: 'ws://option', origin: 'option' });
    expect(findUrl()).toEqual({ value: 'ws://variable', origin: 'environment' });
    expect(findToken('ws://any/ws')).toEqual({ value: 'option', origin: 'option' });
    takeGlobalOptions({});
    expect(findToken('ws://any/ws')).toEqual({ value: 'variable', origin: 'environment' });
    vi.unstubAllEnvs();
    given();
    expect(findUrl()).toEqual({ value: 'ws://kept', origin: 'profile' });
    given({ env: { CC_EXECUTOR_PROFILE: 'work' } });
    expect(findUrl()).toEqual({ value: 'ws://work', origin: 'profile' });
    given({ env: { CC_EXECUTOR_PROFILE: 'work' }, options: { profile: 'default' } });
    expect(findUrl()).toEqual({ value: 'ws://kept', origin: 'profile' });
    vi.stubEnv('XDG_CONFIG_HOME', '/dev/null/none');
    expect(findUrl()).toEqual({ value: 'ws://127.0.0.1:8003/ws', origin: 'default' });
  });

  it("do not part: another gateway than the profile's does not see the profile's token", () => {
    given();
    expect(findToken(readUrl(undefined))?.value).toBe('kept');
    expect(findToken(readUrl('http://kept/ws'))?.value).toBe('kept');
    for (const url of ['ws://other', 'wss://kept', 'ws://kept:81', 'ws://kept/other/ws'])
      expect(findToken(readUrl(url))).toBeUndefined();
  });

  it('may be given before the command, and as what the browser calls it', async () => {
    const gateway = await startGateway();
    const run = runHere(['--url', gateway.url.replace('ws:', 'http:'), 'jobs']);
    const connection = await gateway.accept();
    connection.reply(await connection.expect('list'), { jobs: [] });
    expect(await run.ended).toEqual({ code: 0, stdout: 'no jobs\n', stderr: '' });
  });
});
