import { createVault } from '@cc-executor/job-log';
import { createJobId } from '@cc-executor/protocol';
import { expect, test } from 'vitest';
import { createRerun } from '../src/operations/rerun.ts';
import { completed, provideRig, type Rig, TENANT, takeJob, vault } from './harness.ts';

let rig: Rig;

provideRig((made) => {
  rig = made;
});

const asked = {
  prompt: 'translate',
  model: 'opus',
  timeouts: { totalMs: 5_000 },
  retry: 'always',
  maxAttempts: 4,
  priority: 7,
  metadata: { customer: '7' },
};
const secrets = {
  env: { TOKEN: 'a-secret' },
  attachments: [{ mediaType: 'text/plain', data: 'aGVsbG8=' }],
};

test('a rerun is a new job that asks for all that the old one did, what was entrusted to it too', async () => {
  const client = await rig.connect(await rig.gateway());
  const first = (await client.request('execute', { ...asked, ...secrets, attach: false })).result;
  await (await takeJob(rig.log, first.jobId)).end(completed);
  const again = (await client.request('rerun', { jobId: first.jobId })).result;
  expect(again).toMatchObject({ created: true, status: 'queued' });
  expect([again.jobId, again.epoch]).not.toEqual([first.jobId, first.epoch]);
  const { result: job } = await client.request('get', { jobId: again.jobId });
  expect(job).toMatchObject({ rerunOf: first.jobId, metadata: asked.metadata, status: 'queued' });
  const listed = (await client.request('list', {})).result.jobs;
  expect(listed.map(({ jobId, rerunOf }: Record<string, string>) => [jobId, rerunOf])).toEqual([
    [again.jobId, first.jobId],
    [first.jobId, undefined],
  ]);
  const { sealed, ...spec } = (await rig.log.spec(TENANT, again.jobId)) ?? { prompt: '' };
  expect(spec).toEqual(asked);
  expect(vault.open(sealed ?? '', again.jobId)).toEqual(secrets);
  // Its events come to whoever asked for it.
  await (await takeJob(rig.log, again.jobId)).end(completed);
  expect(await client.untilTerminal(again.jobId)).toHaveLength(2);
});

test('a rerun can be repeated with its key, at any gateway and door, and is another job without', async () => {
  const gateways = await Promise.all([rig.gateway(), rig.gateway()]);
  const client = await rig.connect(gateways[0] as (typeof gateways)[0]);
  const { jobId } = (await client.request('execute', { ...asked, ...secrets, attach: false })).result;
  const overHttp = async (headers: Record<string, string>) => {
    const answer = await fetch(`http://127.0.0.1:${gateways[1]?.port}/v1/jobs/${jobId}/rerun`, {
      method: 'POST',
      headers,
    });
    const result = await answer.json();
    return { status: answer.status, location: answer.headers.get('location'), result };
  };
  const params = { jobId, idempotencyKey: 'k', attach: false };
  const { result: first } = await client.request('rerun', params);
  const again = await overHttp({ 'idempotency-key': 'k' });
  expect(again).toEqual({
    status: 200,
    location: `/v1/jobs/${first.jobId}`,
    result: { ...first, created: false },
  });
  const another = await overHttp({});
  expect(another).toMatchObject({ status: 201, result: { created: true } });
  expect(new Set([jobId, first.jobId, another.result.jobId]).size).toBe(3);
  const executed = await client.request('execute', { ...asked, ...secrets, idempotencyKey: 'k' });
  expect(executed.error.data.code).toBe('idempotency_conflict');
});

test('a rerun is judged by the ceilings of today, and by what can still be opened', async () => {
  const client = await rig.connect(await rig.gateway());
  const { jobId } = (await client.request('execute', { ...asked, attach: false })).result;
  const lowered = await rig.connect(await rig.gateway({ ceilings: { 'timeouts.totalMs': 1_000 } }));
  const refused = await lowered.request('rerun', { jobId });
  expect(refused.error.data.code).toBe('beyond_ceiling');
  expect((await lowered.request('rerun', { jobId: createJobId() })).error.data.code).toBe('job_not_found');

  const entrusted = (await client.request('execute', { ...asked, ...secrets, attach: false })).result;
  for (const other of [undefined, createVault(['another-key-that-is-long-enough-as-well'])]) {
    const rerun = createRerun({
      readLog: rig.log,
      vault: other,
      accept: () => Promise.reject(new Error('it was to be refused before')),
      listen: async (_session, _wanted, accept) => ({ result: await accept() }),
    });
    const session = { tenant: TENANT, reads: { take: <T>(read: () => Promise<T>) => read() } };
    const asking = rerun(session as never, { jobId: entrusted.jobId });
    await expect(asking).rejects.toMatchObject({ code: 'secrets_off' });
  }
});
