import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  recordCalls,
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamScript,
} from '../src/index.ts';

const jobId = `job_${'b'.repeat(32)}`;
const delta = (text: string) => ({
  line: { type: 'stream_event', event: { type: 'content_block_delta', delta: { type: 'text_delta', text } } },
});
const start = { line: { type: 'start', execution_id: 'x' } };
const complete = (status: string) => ({ line: { type: 'complete', execution_id: 'x', status } });
const result = (more: object) => ({ line: { type: 'result', subtype: 'success', ...more } });

describe('the record of a scripted upstream', () => {
  let upstream: ScriptedUpstream;

  beforeEach(async () => {
    upstream = await startScriptedUpstream({});
  });
  afterEach(() => upstream.close());

  async function call(script: UpstreamScript, executionId = `${jobId}-2-1`) {
    upstream.use(script);
    const body = JSON.stringify({ executionId });
    const answer = await fetch(`${upstream.url}/execute/claude-stream`, { method: 'POST', body });
    await answer.text().catch(() => 'cut');
    await upstream.calls[0]!.closed;
    return recordCalls(upstream.calls);
  }

  it('holds attempt, times, text and ending of a call', async () => {
    const [record] = await call({ steps: [start, delta('Hel'), delta('lo'), complete('success')] });
    const time = expect.any(Number);
    expect(record).toEqual({
      ...{ jobId, attempt: 2, startedAt: time, firstByteAt: time, endedAt: time, endedBy: 'complete' },
      text: 'Hello',
    });
    expect(record!.endedAt).toBeGreaterThanOrEqual(record!.firstByteAt!);
  });

  it.each<[string, UpstreamScript]>([
    ['refused', { status: 503 }],
    ['complete', { steps: [result({})] }],
    ['failed', { steps: [result({ is_error: true })] }],
    ['failed', { steps: [complete('error')] }],
    ['no-evidence', { steps: [delta('x'), { end: true }] }],
    ['no-evidence', { steps: [delta('x'), { raw: 'garbage' }, { reset: true }] }],
  ])('says %s of what ended so', async (endedBy, script) => {
    expect((await call(script))[0]!.endedBy).toBe(endedBy);
  });

  it('says of a caller that went away that it aborted, and of a running call nothing', async () => {
    upstream.use({ steps: [start, { hang: true }] });
    const controller = new AbortController();
    const body = JSON.stringify({ executionId: `${jobId}-1-1` });
    const answer = await fetch(upstream.url, { method: 'POST', body, signal: controller.signal });
    expect(recordCalls(upstream.calls)).toEqual([
      { jobId, attempt: 1, startedAt: expect.any(Number), text: '' },
    ]);
    controller.abort();
    await answer.text().catch(() => 'aborted');
    await upstream.calls[0]!.closed;
    expect(recordCalls(upstream.calls)[0]!.endedBy).toBe('client-abort');
  });

  it('leaves out calls of others', async () => {
    expect(await call({ steps: [] }, 'somebody')).toEqual([]);
  });
});
