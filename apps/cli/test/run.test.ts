import { once } from 'node:events';
import type { EventBody } from '@cc-executor/protocol';
import { freePort } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import {
  completed,
  output,
  queued,
  type ScriptedConnection,
  type ScriptedJob,
  scriptJob,
  started,
} from '../../../libs/client/test/scripted-gateway.ts';
import { runHere } from './cli-here.ts';
import { acceptJob, runCli, startGateway } from './cli-process.ts';

function send(connection: ScriptedConnection, job: ScriptedJob, bodies: EventBody[], firstSeq = 1): void {
  for (const [index, body] of bodies.entries()) connection.notify('event', job.event(firstSeq + index, body));
}

describe('cc-executor run', () => {
  it('prints the answer to standard output, everything else to standard error, and exits with 0', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    const run = runCli(['run', 'hello', '--model', 'opus'], { url: gateway.url, traceparent });
    const connection = await gateway.accept();
    const request = await connection.expect('execute');
    expect(request.params).toMatchObject({ prompt: 'hello', model: 'opus', traceparent });
    connection.reply(request, job.accepted);
    send(connection, job, [
      queued,
      started,
      output('Hel'),
      output('lo.'),
      { ...completed, durationMs: 12_345, costUsd: 0.0123, turns: 2 } as EventBody,
    ]);
    const { code, stdout, stderr } = await run.ended;
    expect(stdout).toBe('Hello.\n');
    expect(stderr).toContain(job.jobId);
    expect(stderr).toContain('12.3 s · $0.0123 · 2 turns');
    expect(code).toBe(0);
  });

  it.each<[number, EventBody, string]>([
    [
      1,
      {
        type: 'failed',
        error: { code: 'claude_error', message: 'it broke', retrySafe: false },
        partial: true,
      },
      'failed: claude_error: it broke',
    ],
    [3, { type: 'timed_out', limit: 'idle', partial: false }, 'idle limit'],
    [4, { type: 'cancelled', by: 'operator', partial: false }, 'cancelled by operator'],
  ])('exits with %i when the job ends so', async (code, body, said) => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runHere(['run', 'hello'], { url: gateway.url });
    const connection = await acceptJob(gateway, job.accepted);
    send(connection, job, [queued, body]);
    const end = await run.ended;
    expect(end.stderr).toContain(said);
    expect(end.code).toBe(code);
  });

  it.each([
    ['-', ['run', '-']],
    ['no prompt', ['run']],
  ])('reads the prompt from standard input with %s', async (_, args) => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(args, { url: gateway.url, stdin: 'pipe' });
    run.child.stdin.end('line one\nline two\n');
    const connection = await gateway.accept();
    const request = await connection.expect('execute');
    expect(request.params.prompt).toBe('line one\nline two');
    connection.reply(request, job.accepted);
    send(connection, job, [queued, completed]);
    expect((await run.ended).code).toBe(0);
  });

  it.each([[], ['--json'], ['--quiet']])(
    'warns and exits with 1 when the text is not what its digest says (%s)',
    async (...args) => {
      const gateway = await startGateway();
      const job = scriptJob();
      const run = runHere(['run', 'hello', ...args], { url: gateway.url });
      const connection = await acceptJob(gateway, job.accepted);
      const digest = { bytes: 5, sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824' };
      send(connection, job, [queued, output('jello'), { ...completed, digest } as EventBody]);
      const { code, stdout, stderr } = await run.ended;
      expect(stdout).toContain('jello');
      expect(stderr).toContain(`cc-executor verify ${job.jobId}`);
      expect(code).toBe(1);
    },
  );

  it('prints nothing but events with --json', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runHere(['run', 'hello', '--json'], { url: gateway.url });
    const connection = await acceptJob(gateway, job.accepted);
    const bodies = [queued, started, output('one\ntwo'), completed];
    send(connection, job, bodies);
    const { stdout, stderr } = await run.ended;
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events).toEqual(bodies.map((body, index) => job.event(index + 1, body)));
    expect(stderr).toBe('');
  });

  it('prints nothing but the answer with --quiet', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runHere(['run', 'hello', '--quiet'], { url: gateway.url });
    send(await acceptJob(gateway, job.accepted), job, [queued, started, output('Hi\n'), completed]);
    expect(await run.ended).toEqual({ code: 0, stdout: 'Hi\n', stderr: '' });
  });

  it('prints the job id and leaves with --detach', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runHere(['run', 'hello', '--detach'], { url: gateway.url });
    const connection = await gateway.accept();
    const request = await connection.expect('execute');
    expect(request.params.attach).toBe(false);
    connection.reply(request, job.accepted);
    expect(await run.ended).toMatchObject({ code: 0, stdout: `${job.jobId}\n` });
  });

  it('goes on after the connection broke', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['run', 'hello'], { url: gateway.url });
    const connection = await acceptJob(gateway, job.accepted);
    send(connection, job, [queued, started, output('one ')]);
    await run.says('started');
    await once(run.child.stdout, 'readable');
    connection.cut();
    const second = await gateway.accept();
    const attach = await second.expect('attach');
    const afterSeq = attach.params.afterSeq as number;
    second.reply(attach, { jobId: job.jobId, epoch: job.epoch, status: 'running', lastSeq: 5 });
    send(
      second,
      job,
      [queued, started, output('one '), output('two'), completed].slice(afterSeq),
      afterSeq + 1,
    );
    const { code, stdout, stderr } = await run.ended;
    expect(stdout).toBe('one two\n');
    expect(stderr).toContain('connection lost');
    expect(code).toBe(0);
  });

  it('says what to try and exits with 5 when there is no gateway', async () => {
    const port = await freePort();
    const run = runHere(['run', 'hello', '--url', `ws://127.0.0.1:${port}`]);
    const { code, stdout, stderr } = await run.ended;
    expect(code).toBe(5);
    expect(stdout).toBe('');
    expect(stderr).toContain(`No gateway at ws://127.0.0.1:${port}/ws`);
    expect(stderr).toContain('npm start');
  });

  it('exits with 2 when the gateway finds a parameter wrong', async () => {
    const gateway = await startGateway();
    const run = runHere(['run', 'hello'], { url: gateway.url });
    const connection = await gateway.accept();
    connection.refuse(await connection.expect('execute'), 'invalid_params');
    expect((await run.ended).code).toBe(2);
  });

  it('leaves quietly once nobody reads the answer, and lets the job go on', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['run', 'hello'], { url: gateway.url });
    const connection = await acceptJob(gateway, job.accepted);
    send(connection, job, [queued, started]);
    await run.says('started');
    run.child.stdout.destroy();
    run.ended.catch(() => {});
    // The pipe takes a moment to be closed on the other side: write until it is noticed.
    let seq = 3;
    const feeding = setInterval(() => {
      send(connection, job, [output('x')], seq);
      seq += 1;
    }, 5);
    await run.says('Nobody reads');
    clearInterval(feeding);
    await run.says(job.jobId);
    expect(await once(run.child, 'exit')).toEqual([0, null]);
    // It said good-bye and did not ask for a cancellation.
    expect(await connection.closed).toBe(1000);
    expect(connection.unexpected()).toEqual([]);
  });
});

describe('interrupting cc-executor run', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)(
    'cancels the job at %s, waits for its end and exits with 4',
    async (signal) => {
      const gateway = await startGateway();
      const job = scriptJob();
      const run = runCli(['run', 'hello'], { url: gateway.url });
      const connection = await acceptJob(gateway, job.accepted);
      send(connection, job, [queued, started, output('half')]);
      await run.says('started');
      run.child.kill(signal);
      const cancel = await connection.expect('cancel');
      expect(cancel.params).toEqual({ jobId: job.jobId });
      connection.reply(cancel, { status: 'running', accepted: true });
      await run.says(`Cancelling ${job.jobId}`);
      send(connection, job, [{ type: 'cancelled', by: 'client', partial: true }], 4);
      const { code, stdout } = await run.ended;
      expect(code).toBe(4);
      expect(stdout).toBe('half\n');
    },
  );

  it('leaves at once at a second SIGINT, with 130', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['run', 'hello'], { url: gateway.url });
    const connection = await acceptJob(gateway, job.accepted);
    send(connection, job, [queued]);
    await run.says('queued');
    run.child.kill('SIGINT');
    await run.says('Cancelling');
    run.child.kill('SIGINT');
    const { code, stderr } = await run.ended;
    expect(code).toBe(130);
    expect(stderr).toContain(`cc-executor get ${job.jobId}`);
  });

  it('cancels a job that was accepted only after the interrupt', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['run', 'hello'], { url: gateway.url });
    const connection = await gateway.accept();
    const request = await connection.expect('execute');
    run.child.kill('SIGINT');
    await run.says('Cancelling the job');
    connection.reply(request, job.accepted);
    connection.reply(await connection.expect('cancel'), { status: 'cancelled', accepted: true });
    send(connection, job, [queued, { type: 'cancelled', by: 'client', partial: false }]);
    expect((await run.ended).code).toBe(4);
  });

  it('says when the cancellation was refused, and goes on', async () => {
    const gateway = await startGateway();
    const job = scriptJob();
    const run = runCli(['run', 'hello'], { url: gateway.url });
    const connection = await acceptJob(gateway, job.accepted);
    send(connection, job, [queued]);
    await run.says('queued');
    run.child.kill('SIGINT');
    connection.refuse(await connection.expect('cancel'), 'unavailable');
    await run.says('could not be cancelled');
    send(connection, job, [completed], 2);
    expect((await run.ended).code).toBe(0);
  });
});
