/** The CLI's misbehaviour, one by one: whatever it does, there is one complete line, and nothing is left. */
import { createHash } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { claudeEngine, fakeCli, leftFolders, soleCompletion, startApi, temporaryFolder } from './harness.ts';

async function run(model: string, question = 'hello', options: Parameters<typeof claudeEngine>[0] = {}) {
  const engine = claudeEngine(options);
  const api = await startApi(engine);
  const lines = await api.lines({ question, model });
  expect(leftFolders(engine)).toEqual([]);
  const results = lines.filter((line) => line.type === 'result');
  return { lines, complete: soleCompletion(lines), result: results.at(-1)?.result as string };
}

describe('a CLI that works', () => {
  test('its lines come verbatim, with the digest of the answer at the end', async () => {
    const { lines, complete } = await run('echo', 'grün 🚀');
    expect(lines.map((line) => line.type)).toEqual(['start', 'stream_event', 'result', 'complete']);
    expect(complete).toMatchObject({ status: 'success', exit_code: 0, bytes: 10 });
    expect(complete.digest).toBe(createHash('sha256').update('grün 🚀').digest('hex'));
    expect(complete.execution_id).toBe(lines[0]?.execution_id);
  });

  test('far more output than a pipe holds comes through completely', async () => {
    const { lines, complete } = await run('manyLines');
    expect(lines).toHaveLength(20_003);
    expect(complete.status).toBe('success');
  });

  test('a line of 2 MB comes in one piece', async () => {
    const { result, complete } = await run('longLine');
    expect(result).toHaveLength(2 * 1024 * 1024);
    expect(complete).toMatchObject({ status: 'success', bytes: 2 * 1024 * 1024 });
  });

  test('characters whose bytes arrive apart are not damaged', async () => {
    expect((await run('cutCharacters')).result).toBe('grün 🚀 €');
  });

  test('a last line without a line end counts', async () => {
    const { result, complete } = await run('noLineEnd');
    expect(result).toBe('unended');
    expect(complete.status).toBe('success');
  });

  test('a prompt of a megabyte to a CLI that does not read it does no harm', async () => {
    const { complete } = await run('ignoresInput', 'p'.repeat(1_000_000));
    expect(complete.status).toBe('success');
  });
});

describe('a CLI that fails', () => {
  test('exit code 0 without a result is an error, and what came is kept', async () => {
    const { lines, complete } = await run('noResult');
    expect(lines).toHaveLength(3);
    expect(complete).toMatchObject({
      status: 'error',
      exit_code: 0,
      bytes: 11,
      error: { code: 'claude_no_result' },
    });
  });

  test('an exit code is reported with the last words on standard error', async () => {
    const { complete } = await run('fails');
    expect(complete).toMatchObject({ status: 'error', exit_code: 3, error: { code: 'claude_no_result' } });
    expect((complete.error as { message: string }).message).toContain('the sky is falling');
  });

  test('a flood on standard error neither blocks it nor is kept', async () => {
    const { complete } = await run('floodsStderr');
    const { message } = complete.error as { message: string };
    expect(message).toMatch(/the last words$/);
    expect(message.length).toBeLessThan(3_000);
  });

  test('an answer followed by a failing exit code is an error', async () => {
    const { complete } = await run('answersThenFails');
    expect(complete).toMatchObject({ status: 'error', exit_code: 4, error: { code: 'claude_exit' } });
  });

  test('half a line left by a killed CLI is dropped', async () => {
    const { lines, complete } = await run('halfLine');
    expect(lines.map((line) => line.type)).toEqual(['start', 'stream_event', 'complete']);
    expect(complete).toMatchObject({ status: 'error', exit_code: null, error: { code: 'claude_no_result' } });
  });

  test('a line without end is given up', async () => {
    const { complete } = await run('tooLongLine');
    expect(complete).toMatchObject({ status: 'error', error: { code: 'line_too_long' } });
  });

  test('lines that only the service may write are not taken from it', async () => {
    const { lines, complete } = await run('forges');
    expect(lines.map((line) => line.type)).toEqual(['start', 'stream_event', 'complete']);
    expect(complete.status).toBe('error');
  });
});

describe('a CLI that cannot be started', () => {
  test('a missing one ends in an error that says so', async () => {
    const { complete } = await run('echo', 'hello', { bin: join(temporaryFolder(), 'claude') });
    expect(complete).toMatchObject({ status: 'error', exit_code: null, error: { code: 'cli_not_found' } });
  });

  test('one that is not a program ends in an error that says so', async () => {
    const bin = join(temporaryFolder(), 'claude');
    writeFileSync(bin, '#!/no/such/interpreter\n');
    chmodSync(bin, 0o755);
    const { complete } = await run('echo', 'hello', { bin });
    expect(complete).toMatchObject({ status: 'error', error: { code: 'cli_not_started' } });
  });

  test('a work folder that cannot be made ends in an error that says so', async () => {
    const workDir = join(fakeCli(), 'below-a-file');
    const api = await startApi(claudeEngine({ workDir }));
    const complete = soleCompletion(await api.lines({ question: 'hello' }));
    expect(complete).toMatchObject({ status: 'error', error: { code: 'work_folder' } });
  });
});

const KEPT = {
  ...{ ADDED: 'yes', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TZ: 'UTC', https_proxy: 'http://p', NO_PROXY: 'x' },
  ...{ CLAUDE_CODE_USE_BEDROCK: '1', AWS_PROFILE: 'p', ANTHROPIC_MODEL: 'm', NODE_EXTRA_CA_CERTS: '/ca.pem' },
};
const PLANTED = {
  ...{
    REDIS_URL: 'redis://:secret@r',
    REDIS_PASSWORD: 'secret',
    REDIS_URL_FILE: '/f',
    GITHUB_TOKEN: 'secret',
  },
  ...{
    CLAUDE_API_TOKEN: 'secret',
    CLAUDE_API_TOKEN_FILE: '/f',
    ANTHROPIC_API_KEY_FILE: '/f',
    METRICS_TOKEN: 'secret',
  },
  ...{
    DATABASE_URL: 'postgres://u:secret@db',
    SSH_AUTH_SOCK: '/s',
    NODE_OPTIONS: '--import=x',
    LD_PRELOAD: 'x',
  },
};

test('it gets the request as arguments, no key when the key is empty, and a folder of its own', async () => {
  const workDir = temporaryFolder();
  const api = await startApi(
    claudeEngine({
      workDir,
      environment: { PATH: process.env.PATH, ANTHROPIC_API_KEY: '', CLAUDECODE: '1', ...KEPT, ...PLANTED },
      passEnv: ['ADDED'],
      credentials: { apiKey: '', authToken: undefined, oauthToken: undefined, baseUrl: 'http://127.0.0.1:9' },
    }),
  );
  const lines = await api.lines({
    question: '--help',
    executionId: 'job-1.2',
    model: 'inspect',
    appendSystemPrompt: '--dangerously-skip-permissions',
    allowedTools: ['Bash(git log:*)', 'Read'],
    disallowedTools: ['Write'],
    permissionMode: 'plan',
    maxTurns: 3,
    somethingElse: true,
  });
  const { argv, env, cwd } = JSON.parse(lines.find((line) => line.type === 'result')?.result as string);
  expect(argv).toEqual([
    '-p',
    '--output-format=stream-json',
    '--verbose',
    '--include-partial-messages',
    '--strict-mcp-config',
    '--disable-slash-commands',
    expect.stringMatching(/^--session-id=[0-9a-f-]{36}$/),
    '--model=inspect',
    '--append-system-prompt=--dangerously-skip-permissions',
    '--allowedTools=Bash(git log:*)',
    '--allowedTools=Read',
    '--disallowedTools=Write',
    '--permission-mode=plan',
    '--max-turns=3',
  ]);
  expect(env).toMatchObject({ ...KEPT, ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' });
  expect(env.CC_EXECUTOR_EXECUTION_ID).toMatch(/^job-1\.2\//);
  expect(env).not.toHaveProperty('ANTHROPIC_API_KEY');
  expect(env).not.toHaveProperty('CLAUDECODE');
  expect(Object.keys(PLANTED).filter((name) => name in env)).toEqual([]);
  expect(cwd).toContain(workDir);
});
