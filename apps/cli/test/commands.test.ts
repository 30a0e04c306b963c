import { createHash } from 'node:crypto';
import { jobStatuses } from '@cc-executor/protocol';
import { describe, expect, it, onTestFinished } from 'vitest';
import { completed, output, queued, scriptJob } from '../../../libs/client/test/scripted-gateway.ts';
import manifest from '../../../package.json' with { type: 'json' };
import { runHere } from './cli-here.ts';
import { runCli, startGateway } from './cli-process.ts';

describe('rerun', () => {
  it('prints the answer of the new job', async () => {
    const gateway = await startGateway();
    const [job, earlier] = [scriptJob(), scriptJob()];
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const args = ['rerun', earlier.jobId, '--idempotency-key', 'k', '--traceparent', traceparent];
    const run = runCli(args, { url: gateway.url, traceparent: 'something else' });
    const connection = await gateway.accept();
    const request = await connection.expect('rerun');
    expect(request.params).toEqual({ jobId: earlier.jobId, idempotencyKey: 'k', batches: true, traceparent });
    connection.reply(request, job.accepted);
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, output('again')));
    connection.notify('event', job.event(3, completed));
    expect(await run.ended).toMatchObject({ code: 0, stdout: 'again\n' });
  });
});

describe('attach', () => {
  it('prints a finished job from the given position', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['attach', job.jobId, '--after', '2'], { url: gateway.url });
    const connection = await gateway.accept();
    const attach = await connection.expect('attach');
    expect(attach.params).toEqual({ jobId: job.jobId, afterSeq: 2, batches: true });
    connection.reply(attach, { jobId: job.jobId, epoch: job.epoch, status: 'completed', lastSeq: 4 });
    connection.notify('event', job.event(3, output('the rest')));
    connection.notify(
      'event',
      job.event(4, { ...completed, text: 'all of it, the rest' } as typeof completed),
    );
    expect(await run.ended).toMatchObject({ code: 0, stdout: 'the rest\n' });
  });

  it('stops listening at SIGINT without cancelling the job', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['attach', job.jobId], { url: gateway.url });
    const connection = await gateway.accept();
    const attach = await connection.expect('attach');
    connection.reply(attach, { jobId: job.jobId, epoch: job.epoch, status: 'running', lastSeq: 1 });
    connection.notify('event', job.event(1, queued));
    await run.says('queued');
    run.child.kill('SIGINT');
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stderr).toContain('the job was not cancelled');
    await connection.closed;
    expect(connection.unexpected()).toEqual([]);
  });

  it('says that there is no such job', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['attach', job.jobId], { url: gateway.url });
    const connection = await gateway.accept();
    connection.refuse(await connection.expect('attach'), 'job_not_found');
    const { code, stderr } = await run.ended;
    expect(code).toBe(1);
    expect(stderr).toContain(job.jobId);
    expect(stderr).toContain('cc-executor jobs');
  });
});

describe('explain', () => {
  const worker = { code: 'worker_lost', message: 'Its worker was lost.', retrySafe: false } as const;

  it('tells what happened, and who was handed the end', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['explain', job.jobId], { url: gateway.url });
    const connection = await gateway.accept();
    const ended = job.event(3, { type: 'failed', error: worker, partial: true });
    const listener = { id: 'a-1', door: 'native', since: 1_000, afterSeq: 0, lastSeq: 3 };
    connection.reply(await connection.expect('get'), {
      ...{ jobId: job.jobId, epoch: job.epoch, status: 'failed', attempt: 1, lastSeq: 3 },
      ...{
        cancelRequested: false,
        pauseRequested: false,
        createdAt: 1_000,
        deadlineAt: 2_000,
        endedAt: 9_000,
      },
      terminal: ended,
      listeners: [{ ...listener, state: 'ended', until: 9_000 }],
    });
    const attach = await connection.expect('attach');
    connection.reply(attach, { jobId: job.jobId, epoch: job.epoch, status: 'failed', lastSeq: 3 });
    for (const event of [job.event(1, queued), job.event(2, output('x')), ended])
      connection.notify('event', event);
    const { code, stdout } = await run.ended;
    expect(code).toBe(0);
    for (const told of ['accepted', 'first output', 'failed: worker_lost', 'Its worker was lost.'])
      expect(stdout).toContain(told);
    expect(stdout).toMatch(/native from .*: events 1–3, was handed the end/);
  });
});

describe('cancel', () => {
  it.each([
    [0, { status: 'running', accepted: true }, 'is being cancelled'],
    [0, { status: 'cancelled', accepted: true }, 'is cancelled'],
    [0, { status: 'cancelled', accepted: false }, 'had ended already: cancelled'],
    [1, { status: 'completed', accepted: false }, 'had ended already: completed'],
  ])('exits with %i after %o', async (code, result, said) => {
    const gateway = await startGateway();
    const { jobId } = scriptJob();
    const run = runHere(['cancel', jobId], { url: gateway.url });
    const connection = await gateway.accept();
    connection.reply(await connection.expect('cancel'), result);
    expect(await run.ended).toMatchObject({ code, stdout: `${jobId} ${said}\n` });
  });
});

describe('pause and resume', () => {
  it.each([
    ['pause', 0, { status: 'running', accepted: true }, 'is to pause'],
    ['pause', 0, { status: 'queued', accepted: true }, 'is to pause'],
    ['pause', 1, { status: 'completed', accepted: false }, 'had ended already: completed'],
    ['resume', 0, { status: 'running', accepted: true }, 'is to go on'],
    ['resume', 1, { status: 'timed_out', accepted: false }, 'had ended already: timed_out'],
  ])('%s exits with %i after %o', async (command, code, result, said) => {
    const gateway = await startGateway();
    const { jobId } = scriptJob();
    const run = runCli([command, jobId], { url: gateway.url });
    const connection = await gateway.accept();
    const request = await connection.expect(command);
    expect(request.params).toEqual({ jobId });
    connection.reply(request, result);
    expect(await run.ended).toMatchObject({ code, stdout: `${jobId} ${said}\n` });
  });
});

describe('verify', () => {
  it.each([
    [0, { verdict: 'verified', message: 'the same' }, 'verified: the same'],
    [1, { verdict: 'mismatch', part: 'log', message: 'other' }, 'mismatch log: other'],
    [
      6,
      { verdict: 'not_verifiable', reason: 'demo_engine', message: 'demo' },
      'not_verifiable demo_engine: demo',
    ],
  ])('exits with %i after %o', async (code, result, said) => {
    const { jobId } = scriptJob();
    for (const args of [[], ['--json']]) {
      const gateway = await startGateway();
      const run = runHere(['verify', jobId, ...args], { url: gateway.url });
      const connection = await gateway.accept();
      const request = await connection.expect('verify');
      expect(request.params).toEqual({ jobId });
      connection.reply(request, result);
      const stdout = args.length > 0 ? JSON.stringify(result) : `${jobId} ${said}`;
      expect(await run.ended).toMatchObject({ code, stdout: `${stdout}\n` });
    }
  });
});

describe('body', () => {
  const text = '{"type":"user","content":"é"}';
  const sha256 = createHash('sha256').update(text).digest('hex');
  const bytes = Buffer.byteLength(text);

  it('prints the whole message, fetched page by page', async () => {
    const gateway = await startGateway();
    const { jobId } = scriptJob();
    const run = runCli(['body', jobId, '7'], { url: gateway.url });
    const connection = await gateway.accept();
    const first = await connection.expect('eventBody');
    expect(first.params).toEqual({ jobId, seq: 7, offset: 0 });
    connection.reply(first, { bytes, sha256, offset: 0, text: text.slice(0, 9), nextOffset: 9 });
    const second = await connection.expect('eventBody');
    expect(second.params).toEqual({ jobId, seq: 7, offset: 9 });
    connection.reply(second, { bytes, sha256, offset: 9, text: text.slice(9) });
    expect(await run.ended).toMatchObject({ code: 0, stdout: `${text}\n` });
  });

  it('prints nothing that is not what its digest says, or was not kept', async () => {
    for (const isKept of [true, false]) {
      const gateway = await startGateway();
      const run = runHere(['body', scriptJob().jobId, '7'], { url: gateway.url });
      const connection = await gateway.accept();
      const request = await connection.expect('eventBody');
      if (isKept) connection.reply(request, { bytes, sha256, offset: 0, text: text.replace('é', 'ö') });
      else connection.refuse(request, 'body_not_found');
      const { code, stdout, stderr } = await run.ended;
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(isKept ? 'digest' : 'truncated.kept');
    }
  });

  it.each(['0', '-1', 'x', '1.5'])('knows no event %s', async (seq) => {
    const { code } = await runHere(['body', scriptJob().jobId, '--', seq]).ended;
    expect(code).toBe(2);
  });
});

function describedJob(number: number) {
  const { jobId, epoch } = scriptJob();
  return {
    jobId,
    epoch,
    status: 'completed',
    attempt: 1,
    lastSeq: number,
    cancelRequested: false,
    pauseRequested: false,
    createdAt: 1_000,
    startedAt: 2_000,
    endedAt: 5_500,
    deadlineAt: 60_000,
    metadata: { ticket: String(number) },
  };
}

describe('get', () => {
  it('shows a job in readable lines, or as JSON', async () => {
    const gateway = await startGateway();
    const job = describedJob(7);
    const terminal = {
      ...completed,
      jobId: job.jobId,
      epoch: job.epoch,
      seq: 7,
      attempt: 1,
      time: 5_500,
      turns: 3,
    };
    for (const args of [[], ['--json']]) {
      const run = runCli(['get', job.jobId, ...args], { url: gateway.url });
      const connection = await gateway.accept();
      connection.reply(await connection.expect('get'), { ...job, terminal });
      const { code, stdout } = await run.ended;
      expect(code).toBe(0);
      if (args.length > 0) expect(JSON.parse(stdout)).toEqual({ ...job, terminal });
      else expect(stdout).toMatch(/status +completed\n[\s\S]*after 3\.5 s\n[\s\S]*✔ completed +3 turns/);
    }
  });
});

describe('jobs', () => {
  it('lists jobs as a table and asks for what is wanted', async () => {
    const gateway = await startGateway();
    const jobs = [describedJob(1), describedJob(2)];
    const run = runCli(['jobs', '--status', 'completed', '--limit', '2'], { url: gateway.url });
    const connection = await gateway.accept();
    const list = await connection.expect('list');
    expect(list.params).toEqual({ status: 'completed', limit: 2 });
    connection.reply(list, { jobs, cursor: 'next' });
    const { code, stdout, stderr } = await run.ended;
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^JOB +STATUS +CREATED +TOOK +EVENTS +METADATA$/);
    expect(lines[1]).toMatch(new RegExp(`^${jobs[0]?.jobId} +completed .* 3\\.5 s +1 +{"ticket":"1"}$`));
    expect(lines).toHaveLength(3);
    expect(stderr).toContain('more');
  });

  it('reads page after page up to the limit, as JSON lines', async () => {
    const gateway = await startGateway();
    const run = runHere(['jobs', '--limit', '101', '--json'], { url: gateway.url });
    const connection = await gateway.accept();
    const first = await connection.expect('list');
    expect(first.params).toEqual({ limit: 100 });
    connection.reply(first, { jobs: Array.from({ length: 100 }, (_, n) => describedJob(n)), cursor: 'next' });
    const second = await connection.expect('list');
    expect(second.params).toEqual({ limit: 1, cursor: 'next' });
    connection.reply(second, { jobs: [describedJob(100)] });
    const lines = (await run.ended).stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).lastSeq)).toEqual(Array.from({ length: 101 }, (_, n) => n));
  });

  it.each([
    [['--count'], { jobs: 3, hasMore: false }, '3\n'],
    [['--count'], { jobs: 10_000, hasMore: true }, 'more than 10000\n'],
    [['--count', '--json'], { jobs: 3, hasMore: false }, '{"jobs":3,"hasMore":false}\n'],
  ])('counts them with %j', async (args, counted, printed) => {
    const gateway = await startGateway();
    const run = runHere(['jobs', '--status', 'failed', ...args], { url: gateway.url });
    const connection = await gateway.accept();
    const count = await connection.expect('count');
    expect(count.params).toEqual({ status: 'failed' });
    connection.reply(count, counted);
    expect(await run.ended).toEqual({ code: 0, stdout: printed, stderr: '' });
  });

  it('offers the statuses of the protocol', async () => {
    const { stdout } = await runHere(['jobs', '--help']).ended;
    const choices = /--status[^(]*\(choices:([^)]*)\)/.exec(stdout)?.[1] ?? '';
    expect([...choices.matchAll(/"(\w+)"/g)].map(([, status]) => status)).toEqual([
      ...jobStatuses,
      'unfinished',
    ]);
  });
});

describe('usage', () => {
  it.each([
    ['an option that does not exist', ['run', 'hello', '--modle', 'opus']],
    ['a command that does not exist', ['rum', 'hello']],
    ['an argument too many', ['run', 'two', 'prompts']],
    ['a choice that does not exist', ['run', 'hello', '--retry', 'maybe']],
    ['an invalid duration', ['run', 'hello', '--timeout', 'soon']],
    ['an invalid position', ['attach', 'job', '--after', 'x']],
    ['an invalid limit', ['jobs', '--limit', '0']],
    ['an invalid address', ['jobs', '--url', 'localhost:8003']],
    ['no command', []],
  ])('exits with 2 for %s, and says why', async (_, args) => {
    const { code, stdout, stderr } = await runHere(args).ended;
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  it('exits with 2 for no prompt, and says why', async () => {
    const { code, stdout, stderr } = await runCli(['run']).ended;
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).not.toBe('');
  });

  it('exits with 2 for a variable that is not valid', async () => {
    const { code, stderr } = await runHere(['jobs'], { url: 'ftp://example.com' }).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('CC_EXECUTOR_URL');
  });

  it.each(['run', 'attach', 'cancel', 'pause', 'resume', 'get', 'body', 'jobs', 'overview'])(
    'has help with an example for %s',
    async (command) => {
      const { code, stdout } = await runHere([command, '--help']).ended;
      expect(code).toBe(0);
      expect(stdout).toContain(`$ cc-executor ${command}`);
    },
  );

  it('has help that fits a narrow terminal, and breaks between words', async () => {
    const columns = Object.getOwnPropertyDescriptor(process.stdout, 'columns');
    const isTTY = Object.getOwnPropertyDescriptor(process.stdout, 'isTTY');
    onTestFinished(() => {
      for (const [name, descriptor] of Object.entries({ columns, isTTY })) {
        if (descriptor) Object.defineProperty(process.stdout, name, descriptor);
        else Reflect.deleteProperty(process.stdout, name);
      }
    });
    Object.defineProperty(process.stdout, 'columns', { value: 44, configurable: true });
    Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true });
    const { stdout } = await runHere(['cancel', '--help']).ended;
    const [options = ''] = /Options:[\s\S]*?\n\n/.exec(stdout) ?? [];
    expect(options).toContain('\n  --yes\n      do not ask\n');
    expect(options.split('\n').filter((line) => line.length > 44)).toEqual([]);
  });

  it('lists all commands in its help, and tells its version', async () => {
    const help = await runCli(['--help']).ended;
    expect(help.code).toBe(0);
    for (const command of ['run', 'attach', 'cancel', 'pause', 'resume', 'get', 'jobs', 'up']) {
      expect(help.stdout).toMatch(new RegExp(`^  ${command} `, 'm'));
    }
    expect(await runCli(['--version']).ended).toMatchObject({ code: 0, stdout: `${manifest.version}\n` });
  });
});
