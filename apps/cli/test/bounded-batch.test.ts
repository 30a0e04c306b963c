/** What a batch with --concurrency asks, and when; that each line has one result is for tests/e2e. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import {
  completed,
  queued,
  type ScriptedConnection,
  scriptJob,
} from '../../../libs/client/test/scripted-gateway.ts';
import { runHere } from './cli-here.ts';
import { startGateway } from './cli-process.ts';

async function startBatch(lines: readonly object[]) {
  const folder = mkdtempSync(join(tmpdir(), 'cc-executor-batch-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [file, out] = [join(folder, 'jobs.jsonl'), join(folder, 'results.jsonl')];
  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const gateway = await startGateway();
  const args = ['batch', 'run', file, '--out', out, '--concurrency', '2', '--idempotency-key', 'k'];
  const { ended } = runHere(args, { url: gateway.url });
  const connection = await gateway.accept();
  connection.reply(await connection.expect('me'), {
    ...{ tenant: 'default', who: 'anybody', scopes: ['admin'], quotas: [] },
    ceilings: { 'timeouts.queueMs': 5_000 },
  });
  const written = () => readFileSync(out, 'utf8').split('\n').slice(0, -1);
  return { connection, ended, written };
}

async function accept(connection: ScriptedConnection) {
  const request = await connection.expect('execute');
  const job = scriptJob();
  connection.reply(request, job.accepted);
  connection.notify('event', job.event(1, queued));
  return {
    params: request.params,
    jobId: job.jobId,
    end: () => connection.notify('event', job.event(2, completed)),
  };
}

it('submits so many at a time, the next when any has ended, and writes results in the order of the lines', async () => {
  const { connection, ended, written } = await startBatch([
    { prompt: 'a' },
    { prompt: 'b', timeouts: { queueMs: 7_000 } },
    { prompt: 'c', idempotencyKey: 'own' },
  ]);
  const [first, second] = [await accept(connection), await accept(connection)];
  expect(first.params).toMatchObject({ prompt: 'a', idempotencyKey: 'k:1', timeouts: { queueMs: 5_000 } });
  expect(second.params).toMatchObject({ idempotencyKey: 'k:2', timeouts: { queueMs: 7_000 } });
  expect(connection.unexpected()).toEqual([]);
  second.end();
  const third = await accept(connection);
  expect(third.params).toMatchObject({ prompt: 'c', idempotencyKey: 'own' });
  expect(written()).toEqual([]);
  third.end();
  first.end();
  expect((await ended).code).toBe(0);
  expect(written().map((line) => JSON.parse(line).jobId)).toEqual([first.jobId, second.jobId, third.jobId]);
});

it('stops where all lines would fare alike, and takes no line that was another one for a fault of it', async () => {
  for (const [code, said] of [
    ['unavailable', 'Redis'],
    ['idempotency_conflict', 'idempotency-key'],
  ] as const) {
    const { connection, ended, written } = await startBatch([
      { prompt: 'a' },
      { prompt: 'b' },
      { prompt: 'c' },
    ]);
    const requests = [await connection.expect('execute'), await connection.expect('execute')];
    for (const request of requests) connection.refuse(request, code);
    const { code: exitCode, stderr } = await ended;
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(said)]);
    expect(written()).toEqual([]);
  }
});
