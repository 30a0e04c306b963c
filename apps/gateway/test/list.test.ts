import type { WireClient } from '@cc-executor/testing';
import { expect, test } from 'vitest';
import { completed, provideRig, type Rig, type TestGateway, takeJob } from './harness.ts';

let rig: Rig;

provideRig((made) => {
  rig = made;
});

async function executeAll(client: WireClient, jobs: object[]): Promise<string[]> {
  const answers = await Promise.all(jobs.map((job) => client.request('execute', { attach: false, ...job })));
  return answers.map(({ result }) => result.jobId);
}

async function overHttp(gateway: TestGateway, query: string) {
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/jobs?${query}`);
  return { status: answer.status, ...(await answer.json()) };
}

const idsIn = ({ jobs }: { jobs: { jobId: string }[] }) => jobs.map(({ jobId }) => jobId).sort();

test('jobs are listed by metadata, text, status and id, alike behind both doors', async () => {
  const gateway = await rig.gateway();
  const client = await rig.connect(gateway);
  const ids = await executeAll(client, [
    { prompt: 'Translate\n the  invoice', metadata: { customer: 7, 'a.b': true } },
    { prompt: 'Translate the letter', metadata: { customer: '8' } },
    { prompt: 'Count', metadata: { customer: '7' }, conversation: '123e4567-e89b-42d3-a456-426614174000' },
  ]);
  const [first = '', second = '', third = ''] = ids;
  await (await takeJob(rig.log, second)).end(completed);
  const cases: [object, string, string[]][] = [
    [{ metadata: { customer: 7 } }, 'metadata.customer=7', [first, third]],
    [{ metadata: { customer: '7', 'a.b': true } }, 'metadata.customer=7&metadata.a.b=true', [first]],
    [{ metadata: { customer: '8' } }, 'metadata%5Bcustomer%5D=8', [second]],
    [{ text: 'translate THE' }, 'text=translate+THE', [first, second]],
    [{ text: 'the', status: 'unfinished' }, 'text=the&status=unfinished', [first]],
    [{ idPrefix: third.slice(0, 20) }, `idPrefix=${third.slice(0, 20)}`, [third]],
    [{ metadata: { customer: '9' } }, 'metadata.customer=9', []],
  ];
  for (const [params, query, wanted] of cases) {
    expect(idsIn((await client.request('list', params)).result)).toEqual([...wanted].sort());
    expect(idsIn(await overHttp(gateway, query)), query).toEqual([...wanted].sort());
  }
  const conversation = '123e4567-e89b-42d3-a456-426614174000';
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/v1/conversations/${conversation}`);
  expect(idsIn((await answer.json()) as never)).toEqual([third]);
  expect(idsIn((await client.request('list', { conversation })).result)).toEqual([third]);
  const { jobs } = (await client.request('list', { idPrefix: first })).result;
  expect(jobs).toMatchObject([{ title: 'Translate the invoice', status: 'queued' }]);
  const { position, ...listed } = (await client.request('get', { jobId: first })).result;
  expect(position).toBe(0);
  expect(jobs).toEqual([listed]);
  for (const query of [
    'metadata=7',
    'metadata.customer=7&metadata.customer=8',
    'text=',
    'since=x',
    'other.x=1',
  ]) {
    expect(await overHttp(gateway, query), query).toMatchObject({ status: 400, code: 'invalid_params' });
  }

  const cancelled = await client.request('cancelMany', { metadata: { customer: '7' }, limit: 1 });
  const { cursor } = cancelled.result;
  const rest = await client.request('cancelMany', { metadata: { customer: '7' }, cursor });
  expect(idsIn({ jobs: [...cancelled.result.jobs, ...rest.result.jobs] })).toEqual([first, third].sort());
  expect(idsIn((await client.request('list', { status: 'cancelled', text: 'count' })).result)).toEqual([
    third,
  ]);
});

test('titles are neither kept, shown nor searched where the operator does not let them be', async () => {
  const [open, closed] = await Promise.all([rig.gateway(), rig.gateway({ showTitles: false })]);
  const [openClient, client] = [await rig.connect(open), await rig.connect(closed)];
  const [before = ''] = await executeAll(openClient, [{ prompt: 'a secret' }]);
  const [after = ''] = await executeAll(client, [{ prompt: 'a secret' }]);
  const { jobs } = (await client.request('list', {})).result;
  expect(idsIn({ jobs })).toEqual([before, after].sort());
  for (const job of [...jobs, (await client.request('get', { jobId: before })).result]) {
    expect(job).not.toHaveProperty('title');
  }
  for (const method of ['list', 'cancelMany']) {
    const { error } = await client.request(method, { text: 'secret' });
    expect(error.data.code).toBe('beyond_ceiling');
    expect(error.message).toContain('GATEWAY_SHOW_TITLES');
  }
  expect(idsIn((await openClient.request('list', { text: 'secret' })).result)).toEqual([before]);
});
