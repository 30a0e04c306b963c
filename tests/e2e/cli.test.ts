/** The command line as a process, against a real stack: what goes to which stream, and what it exits with. */
import { execFile } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Client, createClient } from '@cc-executor/client';
import { findPrograms } from '@cc-executor/local-redis';
import { emptyFold, foldEvents, foldedText, type JobEvent } from '@cc-executor/protocol';
import { connectWire, freePort } from '@cc-executor/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { runHere } from '../../apps/cli/test/cli-here.ts';
import { type Child, type ChildOptions, runNode } from './support/child.ts';
import { nonce } from './support/nonce.ts';
import { useStack } from './support/shared-stack.ts';

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

const stack = useStack();

function cli(args: string[], { env, ...options }: ChildOptions = {}): Child {
  return runNode([main, ...args], { ...options, env: { CC_EXECUTOR_URL: stack().url(), ...env } });
}

/** Runs a command to its end, which must be this exit code. */
async function expectExit(code: number, args: string[], options?: ChildOptions) {
  const child = cli(args, options);
  const [stdout, stderr] = await Promise.all([
    child.ended.then(child.stdout),
    child.ended.then(child.stderr),
  ]);
  expect(await child.ended, stderr).toEqual({ code, signal: null });
  return { stdout, stderr };
}

/** The same of a command that other tests start as a process, without its start. */
async function expectAnswer(code: number, args: string[]) {
  const { code: found, ...output } = await runHere(args, { url: stack().url() }).ended;
  expect(found, output.stderr).toBe(code);
  return output;
}

const demo = (script: object) => `demo:${JSON.stringify({ delayMs: 2, ...script })}`;
const hanging = (text: string) => demo({ text, hang: true });

const eventsOf = (stdout: string): JobEvent[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

async function getJob(jobId: string) {
  const wire = await connectWire(stack().url());
  const { result } = await wire.request('get', { jobId });
  await wire.close();
  return result;
}

describe('cc-executor run', () => {
  it('streams the answer to standard output, the rest to standard error, and exits with 0', async () => {
    const text = nonce();
    const { stdout, stderr } = await expectExit(0, ['run', demo({ text: `${text}\n`, repeat: 20 })]);
    expect(stdout).toBe(`${text}\n`.repeat(20));
    expect(stderr).toMatch(/queued {2}job_[0-9a-f]{32}/);
    expect(stderr).toContain('DEMO');
    expect(stderr).toContain('completed');
    expect(stderr).not.toContain(text);
  });

  it('renders Markdown on a terminal, which nothing that an answer holds steers, and changes no byte in a pipe', async ({
    skip,
  }) => {
    const [script] = findPrograms(['script'], process.env.PATH);
    if (script === undefined) return skip('there is no script(1) on PATH, which gives a program a terminal');
    const bold = nonce();
    const text = `**${bold}**\u001b]0;owned\u0007\u009b2J\r\u202e\ttext\n`;
    const args = ['run', '--quiet', demo({ text })];
    expect((await expectExit(0, args)).stdout).toBe(text);
    const { stdout } = await promisify(execFile)(
      script,
      ['-qec', 'exec "$NODE" "$MAIN" run --quiet "$PROMPT" 2> /dev/null', '/dev/null'],
      {
        env: {
          PATH: process.env.PATH,
          XDG_STATE_HOME: process.env.XDG_STATE_HOME,
          CC_EXECUTOR_URL: stack().url(),
          TERM: 'xterm-256color',
          ...{ NODE: process.execPath, MAIN: main, PROMPT: demo({ text }) },
        },
      },
    );
    const shown = text
      .replace(`**${bold}**`, `\u001b[1m${bold}\u001b[22m`)
      .replace('\u001b]', '␛]')
      .replace('\u0007', '␇')
      .replace('\u009b', '<U+009B>')
      .replace('\r', '␍')
      .replace('\u202e', '<U+202E>');
    // The terminal itself makes its line ends.
    expect(stdout.replaceAll('\r\n', '\n')).toBe(shown);
  });

  it('prints the events and nothing else with --json', async () => {
    const text = nonce();
    const { stdout, stderr } = await expectExit(0, ['run', '--json', demo({ text, repeat: 5 })]);
    const events = eventsOf(stdout);
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.at(0)?.type).toBe('queued');
    expect(events.at(-1)?.type).toBe('completed');
    expect(foldedText(foldEvents(emptyFold, events))).toBe(text.repeat(5));
    expect(stderr).toBe('');
  });

  it('takes a long prompt from standard input', async () => {
    const text = `${nonce(50 * 1024)}\n`;
    const { stdout } = await expectExit(0, ['run', '-', '--quiet'], { input: demo({ text }) });
    expect(stdout).toBe(text);
  });

  it('gives the same job for the same idempotency key', async () => {
    const args = ['run', '--idempotency-key', nonce(), '--json', demo({ text: nonce() })];
    const [first, second] = [await expectExit(0, args), await expectAnswer(0, args)];
    expect(second.stdout).toBe(first.stdout);
  });

  it('exits with 1 when the job fails, and keeps what it had put out', async () => {
    const [text, reason] = [nonce(), nonce()];
    const { stdout, stderr } = await expectExit(1, ['run', demo({ text, fail: reason })]);
    expect(stdout).toBe(`${text}\n`);
    expect(stderr).toContain(reason);
  });

  it.each([
    ['an unknown option', ['run', 'hello', '--no-such-option']],
    ['a faulty duration', ['run', 'hello', '--timeout', 'soon']],
    ['an empty prompt', ['run', '']],
    ['an unknown command', ['no-such-command']],
  ])('exits with 2 for %s', async (_, args) => {
    const { stdout, stderr } = await expectAnswer(2, args);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  it('exits with 3 when a limit passes, and keeps what it had put out', async () => {
    const text = nonce();
    const { stdout, stderr } = await expectAnswer(3, ['run', '--idle-timeout', '500ms', hanging(text)]);
    expect(stdout).toBe(`${text}\n`);
    expect(stderr).toContain('idle limit');
  });

  it('cancels the job at Ctrl-C, waits for its end, and exits with 4', async () => {
    const text = nonce();
    const child = cli(['run', hanging(text)]);
    await child.untilOutput(new RegExp(text));
    child.process.kill('SIGINT');
    expect(await child.ended).toEqual({ code: 4, signal: null });
    expect(child.stdout()).toBe(`${text}\n`);
    const [jobId] = /job_[0-9a-f]{32}/.exec(child.stderr())!;
    expect((await getJob(jobId)).terminal).toMatchObject({ type: 'cancelled', by: 'client', partial: true });
  });

  it('exits with 5 and says what to do when there is no gateway', async () => {
    const port = await freePort();
    const { stdout, stderr } = await expectExit(5, ['run', '--url', `ws://127.0.0.1:${port}`, 'hello']);
    expect(stdout).toBe('');
    expect(stderr).toContain('npm start');
  });
});

describe('the life of a detached job', () => {
  async function detach(prompt: string): Promise<string> {
    const { stdout } = await expectAnswer(0, ['run', '--detach', prompt]);
    expect(stdout).toMatch(/^job_[0-9a-f]{32}\n$/);
    return stdout.trim();
  }

  it('is attached to while it runs and afterwards, from any position', async () => {
    const text = nonce();
    const jobId = await detach(demo({ text, repeat: 50, delayMs: 10 }));
    const live = await expectExit(0, ['attach', jobId, '--json']);
    const events = eventsOf(live.stdout);
    expect(foldedText(foldEvents(emptyFold, events))).toBe(text.repeat(50));
    const replay = await expectAnswer(0, ['attach', jobId, '--json']);
    expect(replay.stdout).toBe(live.stdout);
    const rest = await expectAnswer(0, ['attach', jobId, '--after', '10', '--json']);
    expect(eventsOf(rest.stdout)).toEqual(events.slice(10));
  });

  it('is cancelled from elsewhere: attach exits with 4, a second cancel finds it cancelled', async () => {
    const text = nonce();
    const jobId = await detach(hanging(text));
    const attached = cli(['attach', jobId]);
    await attached.untilOutput(new RegExp(text));
    expect((await expectExit(0, ['cancel', jobId])).stdout).toBe(`${jobId} is being cancelled\n`);
    expect(await attached.ended).toEqual({ code: 4, signal: null });
    expect((await expectAnswer(0, ['cancel', jobId])).stdout).toContain('had ended already: cancelled');
  });

  it('goes on when the one who attached leaves with Ctrl-C', async () => {
    const text = nonce();
    const jobId = await detach(hanging(text));
    const attached = cli(['attach', jobId]);
    await attached.untilOutput(new RegExp(text));
    attached.process.kill('SIGINT');
    expect(await attached.ended).toEqual({ code: 130, signal: null });
    expect((await getJob(jobId)).status).toBe('running');
    await expectAnswer(0, ['cancel', jobId]);
  });

  it('is shown by get and listed by jobs', async () => {
    const text = nonce();
    const jobId = await detach(demo({ text, fail: nonce() }));
    await expectAnswer(1, ['attach', jobId]);
    const got = JSON.parse((await expectExit(0, ['get', jobId, '--json'])).stdout);
    expect(got).toMatchObject({ jobId, status: 'failed', terminal: { type: 'failed', partial: true } });
    expect((await expectAnswer(0, ['get', jobId])).stdout).toContain('failed');
    const failed = eventsOf((await expectExit(0, ['jobs', '--status', 'failed', '--json'])).stdout);
    expect(failed.at(0)).toMatchObject({ jobId, status: 'failed' });
    expect((await expectAnswer(0, ['jobs', '--limit', '100'])).stdout).toContain(jobId);
    expect((await expectAnswer(1, ['cancel', jobId])).stdout).toContain('had ended already: failed');
  });

  it('that nobody knows is an error', async () => {
    const jobId = `job_${nonce(16)}`;
    for (const command of ['attach', 'get', 'cancel']) {
      const { stderr } = await expectAnswer(1, [command, jobId]);
      expect(stderr).toContain('No such job');
    }
  });
});

describe('cc-executor batch', () => {
  it('submits a job a line, counts them, prints their results in order, and cancels', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cc-executor-batch-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'jobs.jsonl');
    writeFileSync(file, '{"prompt": "one"}\n{"promt": "two"}\n{"prompt": "three"}\n');
    const submit = ['batch', 'submit', file, '--idempotency-key', 'of-the-cli'];
    const submitted = await expectExit(1, submit);
    const [, batchId = ''] = /^(batch_\w+) {2}3 lines, 1 refused\n$/.exec(submitted.stdout) ?? [];
    expect(submitted.stderr).toMatch(/^line 2: prompt: .*promt/);
    const { stdout } = await expectAnswer(0, ['batch', 'results', batchId, '--wait']);
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { line: 1, terminal: { type: 'completed' } },
      { line: 2, error: { code: 'invalid_params' } },
      { line: 3, terminal: { type: 'completed' } },
    ]);
    const counted = await expectAnswer(0, ['batch', 'get', batchId]);
    expect(counted.stdout).toBe(`${batchId}  ended, 3 lines: 2 completed, 1 refused\n`);
    expect((await expectAnswer(0, ['batch', 'cancel', batchId])).stdout).toMatch(/^0 jobs/);
    writeFileSync(file, '{"prompt": "other"}\n');
    expect((await expectAnswer(1, submit)).stderr).toContain('another batch');
    const missing = await expectAnswer(2, ['batch', 'submit', `${file}.missing`]);
    expect(missing.stderr).toContain('cannot be read: ENOENT');
  });

  it.each([
    { how: 'all at once', flags: [] },
    { how: 'eight at a time', flags: ['--concurrency', '8'] },
  ])(
    'runs 1,000 lines, $how: killed twice and started again, each line has one job and one result',
    async ({ flags }) => {
      const folder = mkdtempSync(join(tmpdir(), 'cc-executor-batch-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      const [file, out] = [join(folder, 'jobs.jsonl'), join(folder, 'results.jsonl')];
      const metadata = { batch: nonce() };
      const [quick, open] = [
        { prompt: demo({ text: 'done' }), metadata },
        { prompt: hanging('begun'), metadata },
      ];
      const GATE = 401;
      const numbers = Array.from({ length: 1_000 }, (_, index) => index + 1);
      const lineOf = (line: number) =>
        line % 10 === 0 ? quick : line === GATE ? open : { promt: 'refused' };
      writeFileSync(file, numbers.map((line) => `${JSON.stringify(lineOf(line))}\n`).join(''));
      const args = ['batch', 'run', file, '--out', out, ...flags];
      const wholeLines = () => readFileSync(out, 'utf8').split('\n').slice(0, -1);
      const wire = await connectWire(stack().url());
      onTestFinished(() => wire.close());

      async function killOnce(look: () => Promise<void> | void): Promise<void> {
        const child = cli(args);
        await vi.waitFor(look, { timeout: 60_000, interval: 5 });
        child.process.kill('SIGKILL');
        expect(await child.ended).toEqual({ code: null, signal: 'SIGKILL' });
      }
      // While it submits, and when it cannot go on for a job that hangs, in the middle of a result.
      await killOnce(async () => {
        const { result } = await wire.request('list', { metadata, limit: 10 });
        expect(result.jobs).toHaveLength(10);
      });
      await killOnce(() => expect(wholeLines()).toHaveLength(GATE - 1));
      appendFileSync(out, `{"line":${GATE},"jobId":"job_`);
      await expectAnswer(0, ['cancel', '--metadata', `batch=${metadata.batch}`, '--text', 'hang', '--yes']);

      const { stderr } = await expectExit(1, args);
      expect(stderr).toContain('1000/1000 ended, 0 running, 900 not completed');
      const results = wholeLines().map((line) => JSON.parse(line));
      const endOf = (line: number) =>
        line % 10 === 0 ? 'completed' : line === GATE ? 'cancelled' : 'invalid_params';
      expect(results.map(({ line, terminal, error }) => [line, terminal?.type ?? error.code])).toEqual(
        numbers.map((line) => [line, endOf(line)]),
      );
      const jobs = await expectAnswer(0, [
        ...['jobs', '--metadata', `batch=${metadata.batch}`, '--limit', '1000', '--json'],
      ]);
      const jobIds = eventsOf(jobs.stdout).map(({ jobId }) => jobId);
      expect(jobIds.sort()).toEqual(results.flatMap(({ jobId }) => jobId ?? []).sort());

      // A finished one is left as it is, and results of another file are not added to.
      const before = readFileSync(out, 'utf8');
      await expectAnswer(1, args);
      writeFileSync(file, `${'\n'.repeat(999)}${JSON.stringify(quick)}`);
      expect((await expectAnswer(2, args)).stderr).toContain('holds other results');
      expect(readFileSync(out, 'utf8')).toBe(before);
      expect((await expectAnswer(2, ['batch', file, '--out', file])).stderr).toContain('other things');
    },
  );
});

describe('a job of the demo engine', () => {
  function connect(): Client {
    const client = createClient({ url: stack().url() });
    onTestFinished(() => client.close());
    return client;
  }

  it('cannot be verified, says why, and its text fits its digest all the same', async () => {
    const client = connect();
    const job = await client.execute({ prompt: nonce() });
    expect(await job.digestOk()).toBe(true);
    expect(await client.verify(job.jobId)).toMatchObject({
      verdict: 'not_verifiable',
      reason: 'demo_engine',
    });
    const { stdout } = await expectExit(6, ['verify', job.jobId]);
    expect(stdout).toContain('not_verifiable demo_engine: ');
  });

  it('cannot be verified while it runs', async () => {
    const client = connect();
    const job = await client.execute({ prompt: hanging('begun') });
    expect(await client.verify(job.jobId)).toMatchObject({ verdict: 'not_verifiable', reason: 'not_ended' });
    await job.cancel();
    await job.done();
  });
});
