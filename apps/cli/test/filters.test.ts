/** Which jobs are meant: by how an id begins, and by filters. */
import { describe, expect, it } from 'vitest';
import { scriptJob } from '../../../libs/client/test/scripted-gateway.ts';
import { readFilter } from '../src/job-filter.ts';
import { renderJobs } from '../src/job-table.ts';
import { runHere } from './cli-here.ts';
import { runCli, startGateway } from './cli-process.ts';

const NOW = Date.parse('2026-11-27T08:00:00Z');

function describedJob(n: number, more: object = {}) {
  const { jobId, epoch } = scriptJob();
  const times = { createdAt: NOW - n * 1_000, deadlineAt: NOW };
  const flags = { cancelRequested: false, pauseRequested: false };
  return { jobId, epoch, status: 'queued' as const, attempt: 0, lastSeq: 1, ...flags, ...times, ...more };
}

describe('how an id begins', () => {
  it('stands for the one job that has such an id', async () => {
    const gateway = await startGateway();
    const { jobId } = scriptJob();
    const run = runCli(['pause', jobId.slice(4, 12)], { url: gateway.url });
    const connection = await gateway.accept();
    const list = await connection.expect('list');
    expect(list.params).toEqual({ idPrefix: jobId.slice(0, 12), limit: 6 });
    connection.reply(list, { jobs: [describedJob(1, { jobId })] });
    const pause = await connection.expect('pause');
    expect(pause.params).toEqual({ jobId });
    connection.reply(pause, { status: 'queued', accepted: true });
    expect(await run.ended).toMatchObject({ code: 0, stdout: `${jobId} is to pause\n` });
  });

  it.each([
    [2, 2, 'the ids of several jobs begin with job_abcd'],
    [0, 1, 'no job whose id begins with job_abcd'],
  ])('of %i jobs ends with %i, and changes nothing', async (count, code, said) => {
    const gateway = await startGateway();
    const run = runHere(['cancel', 'job_abcd'], { url: gateway.url });
    const connection = await gateway.accept();
    const jobs = Array.from({ length: count }, (_, n) => describedJob(n));
    connection.reply(await connection.expect('list'), { jobs });
    const ended = await run.ended;
    expect(ended.code).toBe(code);
    for (const part of [said, ...jobs.map(({ jobId }) => jobId)]) expect(ended.stderr).toContain(part);
    expect(connection.unexpected()).toEqual([]);
  });
});

describe('filters', () => {
  it('become what is asked of the gateway, every fault of theirs a usage error', () => {
    const given = { status: 'failed', since: '2h', until: '2026-11-27T07:30:00Z', text: 'x', tenant: 'acme' };
    expect(readFilter({ ...given, metadata: ['customer=7', 'a=b=c'] }, NOW)).toEqual({
      ...{ status: 'failed', since: NOW - 7_200_000, before: NOW - 1_800_000, text: 'x', tenant: 'acme' },
      metadata: { customer: '7', a: 'b=c' },
    });
    expect(readFilter({}, NOW)).toEqual({});
    expect(() => readFilter({ since: 'soon', until: '5x', metadata: ['y'] }, NOW)).toThrow(
      /--since: 'soon'.*--until: '5x'.*--metadata: 'y'/s,
    );
  });

  it('of cancel show what will be hit, and need --yes where nobody can be asked', async () => {
    const refused = await runCli(['cancel', '--status', 'queued']).ended;
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--yes') });
    const nothing = await runCli(['cancel', '--yes']).ended;
    expect(nothing).toMatchObject({ code: 2, stderr: expect.stringContaining('which jobs') });

    const gateway = await startGateway();
    const args = ['cancel', '--metadata', 'customer=7', '--yes'];
    const run = runCli(args, { url: gateway.url });
    const connection = await gateway.accept();
    const jobs = Array.from({ length: 22 }, (_, n) => describedJob(n));
    const list = await connection.expect('list');
    const filter = { metadata: { customer: '7' } };
    expect(list.params).toEqual({ ...filter, status: 'unfinished', limit: 100 });
    connection.reply(list, { jobs });
    const bounded = { ...filter, before: NOW + 1 };
    const first = await connection.expect('cancelMany');
    expect(first.params).toEqual(bounded);
    const answers = jobs.map(({ jobId }, n) => ({ jobId, status: 'cancelled', accepted: n > 0 }));
    connection.reply(first, { jobs: answers.slice(0, 10), cursor: `1:${jobs[9]?.jobId}` });
    const second = await connection.expect('cancelMany');
    expect(second.params).toEqual({ ...bounded, cursor: `1:${jobs[9]?.jobId}` });
    connection.reply(second, { jobs: answers.slice(10) });
    const { code, stdout, stderr } = await run.ended;
    expect([code, stdout]).toEqual([0, '21 cancelled, 1 had ended already\n']);
    expect(stderr).toContain(jobs[19]?.jobId);
    expect(stderr).not.toContain(jobs[20]?.jobId);
    expect(stderr).toContain('and 2 more');
  });
});

describe('the table of jobs', () => {
  const jobs = [
    describedJob(1, { title: 'Translate the\u001b[2J invoice', costUsd: 0.25, metadata: { customer: '7' } }),
    describedJob(2, { status: 'failed', failure: 'claude_error' }),
  ];

  it('has title, cost and failure, and is as wide as it needs to be', () => {
    const [head, first, second] = renderJobs(jobs, NOW).split('\n');
    expect(head).toMatch(/JOB +STATUS +CREATED +TOOK +EVENTS +COST +TITLE +METADATA$/);
    expect(first).toMatch(/\$0\.2500 +Translate the \[2J invoice +\{"customer":"7"\}$/);
    expect(second).toContain('failed: claude_error');
  });

  it.each([120, 80, 50, 30])('is no wider than %i columns, and still tells the jobs apart', (width) => {
    const lines = renderJobs(jobs, NOW, { width }).trimEnd().split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    for (const [i, { jobId }] of jobs.entries())
      expect(lines[i + 1]?.startsWith(jobId.slice(0, 12))).toBe(true);
  });

  it('would rather shorten titles than leave out when a job came, and how long it took', () => {
    const wordy = [
      describedJob(1, { title: 'Translate the invoice of the customer, and then all the others, too' }),
      describedJob(2, { status: 'completed', startedAt: NOW - 2_000, endedAt: NOW }),
    ];
    const [head, first] = renderJobs(wordy, NOW, { width: 80 }).split('\n');
    expect(head).toMatch(/^JOB +STATUS +CREATED +TOOK +TITLE$/);
    expect(first).toMatch(/Translate the invoice .*…$/);
    expect(first).toHaveLength(80);
  });
});
