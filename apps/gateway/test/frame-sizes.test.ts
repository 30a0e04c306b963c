/** No frame is larger than any ordinary client takes, and what does not fit an event is fetched apart. */
import { createHash } from 'node:crypto';
import { MAX_EVENT_BYTES, MAX_SENT_FRAME_BYTES, type TerminalBody } from '@cc-executor/protocol';
import { needs, type WireClient } from '@cc-executor/testing';
import { describe, expect, test } from 'vitest';
import { completed, output, provideRig, type Rig, TENANT, takeJob } from './harness.ts';

let rig: Rig;

provideRig((made) => {
  rig = made;
});

/** As long as the schema allows, in the characters that take most. */
const METADATA = { text: '漢'.repeat(4_096 - '{"text":""}'.length) };
/** So is a request's id; each character takes six bytes. */
const LONGEST_ID = '\u0007'.repeat(256);

/** The largest frame that a client has got, in bytes. */
function largestFrame(client: WireClient): () => number {
  let largest = 0;
  client.socket.on('message', (data) => {
    largest = Math.max(largest, (data as Buffer).length);
  });
  return () => largest;
}

/** An ending that is as long as events may be. */
function fullOf(ending: TerminalBody): TerminalBody {
  const around = Buffer.byteLength(JSON.stringify({ ...ending, executionId: '' }));
  return { ...ending, executionId: 'x'.repeat(MAX_EVENT_BYTES - around) };
}

function answered(client: WireClient, id: string) {
  return client.until((message) => (message.id as unknown) === id);
}

test('events, a `get` and a `list` with the longest metadata and the longest ending fit a frame', async () => {
  const client = await rig.connect(await rig.gateway());
  const largest = largestFrame(client);
  const execute = async () => {
    const { result } = await client.request('execute', { prompt: 'x', metadata: METADATA });
    return result.jobId as string;
  };
  const jobId = await execute();
  const attempt = await takeJob(rig.log, jobId);
  await attempt.write(output('\u0001'.repeat(32 * 1024)));
  const error = { code: 'internal', message: 'm', retrySafe: false } as const;
  await attempt.end(fullOf({ type: 'failed', error, partial: true }));
  await client.untilTerminal(jobId);
  expect(largest()).toBeGreaterThan(MAX_EVENT_BYTES);
  client.send(JSON.stringify({ jsonrpc: '2.0', id: LONGEST_ID, method: 'get', params: { jobId } }));
  const { result } = await answered(client, LONGEST_ID);
  expect(result).toMatchObject({ metadata: METADATA, terminal: { type: 'failed' } });
  for (let more = 0; more < 20; more += 1) await execute();
  const listed = await client.request('list', { limit: 100 });
  expect(listed.result.jobs.length).toBeGreaterThan(5);
  expect(listed.result.cursor).toBeDefined();
  expect(largest()).toBeLessThanOrEqual(MAX_SENT_FRAME_BYTES);
});

test('a heartbeat that names as many jobs as a connection may be attached to fits a frame', async (context) => {
  await needs('throughput')(context);
  const client = await rig.connect(await rig.gateway({ heartbeatMs: 500 }));
  const largest = largestFrame(client);
  const jobIds = await Promise.all(Array.from({ length: 1_000 }, () => rig.createJob()));
  // A connection has 64 requests under way at most; the rest wait in its socket.
  const attached = await Promise.all(jobIds.map((jobId) => client.request('attach', { jobId })));
  expect(attached.every(({ result }) => result)).toBe(true);
  await client.until((message) => message.method === 'heartbeat' && message.params.jobs.length === 1_000);
  expect(largest()).toBeGreaterThan(70_000);
  expect(largest()).toBeLessThanOrEqual(MAX_SENT_FRAME_BYTES);
});

describe('the body of an event', () => {
  const pages = ['{"text":"', `${'"\\'.repeat(10)}漢`, '🙂"}'];
  const whole = pages.join('');
  const size = {
    bytes: Buffer.byteLength(whole),
    sha256: createHash('sha256').update(whole).digest('hex'),
  };

  async function jobWithBody(): Promise<string> {
    const jobId = await rig.createJob();
    const { fence } = await takeJob(rig.log, jobId);
    const bodies = [JSON.stringify({ type: 'message', message: {}, truncated: { ...size, kept: true } })];
    const kept = [{ seq: 2, pages, ...size }];
    await rig.log.append({ jobId, fence, firstSeq: 2, bodies, kept, hasOutput: true });
    return jobId;
  }

  test('is given page by page, from any gateway, while the job runs and after it', async () => {
    const jobId = await jobWithBody();
    for (const gateway of [await rig.gateway(), await rig.gateway()]) {
      const client = await rig.connect(gateway);
      const got: string[] = [];
      let offset: number | undefined;
      do {
        const { result } = await client.request('eventBody', { jobId, seq: 2, offset });
        expect(result).toMatchObject({ ...size, offset: offset ?? 0 });
        got.push(result.text);
        offset = result.nextOffset;
      } while (offset !== undefined);
      expect(got).toEqual(pages);
      await rig.log.append({
        jobId,
        fence: 1,
        firstSeq: 3,
        bodies: [JSON.stringify(completed)],
        hasOutput: false,
        terminal: 'completed',
      });
    }
  });

  test('that is not there is refused, and says why', async () => {
    const jobId = await jobWithBody();
    const client = await rig.connect(await rig.gateway());
    const codeOf = async (params: object) =>
      (await client.request('eventBody', params)).error?.data.code as string | undefined;
    expect(await codeOf({ jobId, seq: 1 })).toBe('body_not_found');
    expect(await codeOf({ jobId, seq: 99 })).toBe('body_not_found');
    expect(await codeOf({ jobId, seq: 2, offset: 1 })).toBe('invalid_params');
    expect(await codeOf({ jobId, seq: 2, offset: size.bytes })).toBe('invalid_params');
    expect(await codeOf({ jobId, seq: 0 })).toBe('invalid_params');
    expect(await codeOf({ jobId: `job_${'0'.repeat(32)}`, seq: 2 })).toBe('job_not_found');
    expect(await rig.log.body(TENANT, jobId, { seq: 2, offset: 0 })).toMatchObject({ code: 'page' });
  });
});
