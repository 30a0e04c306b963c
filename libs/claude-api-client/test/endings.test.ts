import { createHash } from 'node:crypto';
import { recordingScript, type UpstreamScript, type UpstreamStep } from '@cc-executor/testing';
import { describe, expect, it } from 'vitest';
import { lines, runScript } from './running.ts';

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const digestOf = (text: string) => ({ bytes: Buffer.byteLength(text), sha256: sha256(text) });
const words = (count: number) => Array.from({ length: count }, (_, index) => `w${index} `).join('');

describe('a call that succeeds', () => {
  it('streams the answer and ends as completed on the complete line, summed up', async () => {
    const { events, outcome, upstream } = await runScript(recordingScript('ok'));
    expect(events).toEqual([
      { type: 'started', executionId: 'scripted', engine: 'claude' },
      {
        type: 'session',
        sessionId: '25680ab6-6f80-42e7-b927-ec33fd1fcbcb',
        model: 'claude-opus-5-5',
        cwd: '/workspace',
        keySource: 'ANTHROPIC_API_KEY',
        version: '2.1.330',
        tools: expect.arrayContaining(['Bash']),
        mcpServers: [],
      },
      { type: 'text', text: 'You said: Te', begin: true },
      { type: 'text', text: 'll me a thin', begin: false },
      { type: 'text', text: 'g', begin: false },
    ]);
    expect(outcome).toMatchObject({
      status: 'completed',
      evidence: 'complete-line',
      text: 'You said: Tell me a thing',
      digest: digestOf('You said: Tell me a thing'),
      costUsd: 0.000108,
      turns: 1,
      conversation: '25680ab6-6f80-42e7-b927-ec33fd1fcbcb',
    });
    expect(upstream.calls).toHaveLength(1);
  });

  it('checks the digest of the complete line against the text that arrived', async () => {
    const text = words(20);
    const { outcome, blocks } = await runScript(
      recordingScript('drop', { complete: { bytes: text.length, digest: sha256(text) } }),
    );
    expect(blocks).toEqual([text]);
    expect(outcome).toMatchObject({
      status: 'completed',
      upstreamDigest: sha256(text),
      digest: digestOf(text),
    });
  });

  it('passes messages and waits on', async () => {
    const tool = await runScript(recordingScript('tool'));
    expect(tool.events.map(({ type }) => type)).toEqual([
      'started',
      'session',
      'message',
      'message',
      'text',
      'text',
    ]);
    expect(tool.outcome).toMatchObject({ status: 'completed', text: 'The output is:\n714' });
    const drop = await runScript(recordingScript('drop'));
    expect(drop.events.filter(({ type }) => type === 'throttled')).toEqual([
      { type: 'throttled', delayMs: 550, attempt: 1, maxRetries: 1, status: null, reason: 'unknown' },
    ]);
  });

  it('takes the complete line of a service that gives neither start nor result', async () => {
    const { events, outcome } = await runScript({
      steps: [lines.text('4'), lines.text('2'), lines.complete()],
    });
    expect(events[0]).toEqual({ type: 'started' });
    expect(outcome).toEqual({
      status: 'completed',
      evidence: 'complete-line',
      text: '42',
      digest: digestOf('42'),
    });
  });

  it.each<[string, UpstreamScript]>([
    ['ends in good order', { steps: [] }],
    ['ends without framing', { framing: 'close', steps: [] }],
    ['is cut (FIN)', { steps: [{ fin: true }] }],
    ['is cut (RST)', { steps: [{ reset: true }] }],
    ['stays open', { steps: [{ hang: true }] }],
    ['stays open and pings', { steps: [lines.ping, { hang: true }] }],
  ])('takes the result line alone when the response then %s', async (_how, { framing, steps = [] }) => {
    const script = recordingScript('ok', { complete: false });
    const { outcome, upstream } = await runScript(
      { ...(framing && { framing }), steps: [...script.steps, ...steps] },
      { resultLingerMs: 50 },
    );
    expect(outcome).toMatchObject({
      status: 'completed',
      evidence: 'result-line',
      text: 'You said: Tell me a thing',
    });
    await upstream.calls[0]?.closed;
  });

  it('waits after a result line for the complete line that comes in time', async () => {
    const { outcome } = await runScript({
      steps: [
        lines.result({ result: 'hi' }),
        { delayMs: 30 },
        lines.complete({ status: 'error', error: 'late' }),
      ],
    });
    expect(outcome).toMatchObject({ status: 'failed', code: 'upstream_error' });
  });

  it('ends on the complete line at once, even if the response never ends', async () => {
    const { outcome, upstream } = await runScript({
      steps: [lines.text('hi'), lines.complete(), { hang: true }],
    });
    expect(outcome).toMatchObject({ status: 'completed', evidence: 'complete-line' });
    expect(await upstream.calls[0]?.closed).toBe('caller');
  });

  it('reads a last line without a line end', async () => {
    const { outcome } = await runScript({
      steps: [lines.text('hi'), { raw: '{"type":"complete","status":"success"}' }],
    });
    expect(outcome).toMatchObject({ status: 'completed', evidence: 'complete-line' });
  });

  it('is not disturbed by lines that are not JSON', async () => {
    const script = recordingScript('ok');
    const noisy = script.steps.flatMap((step): UpstreamStep[] => [
      { line: 'npm warn' },
      step,
      { line: '[1]' },
    ]);
    const { outcome, blocks } = await runScript({ steps: noisy });
    expect(blocks).toEqual(['You said: Tell me a thing']);
    expect(outcome.status).toBe('completed');
  });
});

describe('a call that fails on evidence', () => {
  it('fails with what Claude Code says, whatever the complete line says', async () => {
    for (const status of ['success', 'error']) {
      const { outcome } = await runScript(recordingScript('overloaded', { complete: { status } }));
      expect(outcome).toMatchObject({
        status: 'failed',
        code: 'claude_overloaded',
        sent: true,
        evidence: 'complete-line',
        turns: 1,
      });
    }
  });

  it('fails on a failing result line alone, with the partial text kept', async () => {
    const { outcome, blocks } = await runScript(recordingScript('interrupted', { complete: false }));
    expect(outcome).toMatchObject({ status: 'failed', code: 'claude_interrupted', evidence: 'result-line' });
    expect(blocks).toEqual([words(25)]);
    expect(outcome).toMatchObject({ digest: digestOf(words(25)) });
  });

  it.each([
    ['overloaded', true],
    ['usage-limit', true],
    ['refused-twice', false],
    ['interrupted', false],
  ])('says of the recording %s whether nothing had begun: %s', async (name, nothingBegan) => {
    for (const complete of [{ status: 'error' }, false] as const) {
      const { outcome } = await runScript(recordingScript(name, { complete }));
      expect(outcome.status).toBe('failed');
      expect('began' in outcome).toBe(nothingBegan);
    }
  });

  it('offers no conversation that claude-api says was not kept', async () => {
    const offered = async (complete: object) => {
      const { outcome } = await runScript(recordingScript('ok', { complete }));
      return outcome.conversation;
    };
    expect(await offered({ status: 'success' })).toBe('25680ab6-6f80-42e7-b927-ec33fd1fcbcb');
    expect(await offered({ status: 'success', conversation: null })).toBeUndefined();
  });

  it("keeps the time at which a limit is lifted, with claude-api's own words", async () => {
    const error = { code: 'claude_usage_limit', message: 'wait' };
    const script = recordingScript('usage-limit', { complete: { status: 'error', error } });
    const { outcome } = await runScript(script);
    expect(outcome).toMatchObject({ ...error, limit: 'five_hour', resetsAt: 1795500000_000 });
  });

  it('takes from claude-api why it ended Claude Code, of which that says only that it was interrupted', async () => {
    const error = { code: 'claude_auth', message: 'the key was refused; set another' };
    for (const name of ['interrupted', 'killed-at-start']) {
      const script = recordingScript(name, { complete: { status: 'error', error } });
      const { outcome } = await runScript(script);
      expect(outcome).toMatchObject({ status: 'failed', ...error, evidence: 'complete-line' });
    }
  });

  it('takes from claude-api why a job could not begin from what it named: nothing had begun', async () => {
    const error = { code: 'source_unreachable', message: 'no such repository' };
    const notice = { line: { type: 'source', content: 'fetching' } };
    const { outcome } = await runScript({ steps: [notice, lines.complete({ status: 'error', error })] });
    expect(outcome).toMatchObject({ status: 'failed', ...error, sent: true, began: false });
  });

  it.each([
    ['upstream_error', { status: 'error', exit_code: 1, error: { code: 'no_binary', message: 'no claude' } }],
    ['upstream_error', { status: 'timeout' }],
    ['upstream_error', { status: 'finished' }],
    ['upstream_error', { status: undefined }],
    ['upstream_cancelled', { status: 'cancelled' }],
    ['digest_mismatch', { status: 'success', digest: sha256('other'), bytes: 5 }],
  ])('fails with %s on %o', async (code, fields) => {
    const { outcome } = await runScript({ steps: [lines.text('hi'), lines.complete(fields)] });
    expect(outcome).toMatchObject({ status: 'failed', code, sent: true, digest: digestOf('hi') });
  });

  it('says what the complete line says', async () => {
    const error = { code: 'no_binary', message: 'no claude' };
    const { outcome } = await runScript({
      steps: [lines.complete({ status: 'error', exit_code: 1, error })],
    });
    expect(outcome).toMatchObject({ message: 'claude-api says error (exit code 1): no_binary: no claude' });
  });

  it('does not take a result for the end when a further turn began and broke', async () => {
    const { outcome } = await runScript({
      steps: [lines.answer('one'), lines.result({ result: 'one' }), lines.text('tw')],
    });
    expect(outcome).toMatchObject({ status: 'failed', code: 'upstream_incomplete', conversation: 's1' });
  });
});

describe('a call that ends without evidence', () => {
  const text = lines.text('partial');

  it.each<[string, UpstreamScript]>([
    ['upstream_incomplete', { steps: [text] }],
    ['upstream_incomplete', { framing: 'content-length', steps: [text] }],
    ['upstream_incomplete', { framing: 'close', steps: [text] }],
    ['upstream_incomplete', { steps: [] }],
    ['upstream_incomplete', { steps: [text, { raw: '{"type":"complete","status":"succ' }] }],
    ['upstream_cut', { steps: [text, { fin: true }] }],
    ['upstream_cut', { steps: [text, { reset: true }] }],
    ['upstream_cut', { steps: [text, { raw: '{"type":"complete","status":"success"}' }, { reset: true }] }],
    ['upstream_cut', { framing: 'content-length', contentLength: 10_000, steps: [text] }],
    ['upstream_cut', { steps: [text, { wire: 'not a chunk' }] }],
    ['upstream_cut', { before: [{ reset: true }] }],
    ['upstream_cut', { before: [{ fin: true }] }],
    ['upstream_garbage', { before: [{ wire: 'SSH-2.0-OpenSSH_9.6\r\n' }, { fin: true }] }],
    ['upstream_garbage', { steps: [{ line: '<html>' }, { line: 'Hello</html>' }] }],
    ['upstream_garbage', { steps: [{ line: { answer: 42 } }] }],
  ])('fails with %s: %o', async (code, script) => {
    const { outcome } = await runScript(script);
    expect(outcome).toMatchObject({ status: 'failed', code, sent: true });
  });

  it('keeps a bounded sample of what was not JSON', async () => {
    const { outcome } = await runScript({ steps: [{ line: 'x'.repeat(5_000) }, { line: 'y' }] });
    if (outcome.status !== 'failed') throw new Error(outcome.status);
    expect(outcome.message).toContain('2 lines were not of the protocol, the first: "xxx');
    expect(outcome.message.length).toBeLessThan(500);
  });

  it('fails on a line that is longer than the limit, and lets go of the connection', async () => {
    const { outcome, blocks, upstream } = await runScript(
      { steps: [text, { raw: 'x'.repeat(3_000) }, { hang: true }] },
      { maxLineBytes: 2_000 },
    );
    expect(outcome).toMatchObject({ status: 'failed', code: 'upstream_line_too_long', sent: true });
    expect(blocks).toEqual(['partial']);
    expect(await upstream.calls[0]?.closed).toBe('caller');
  });

  it('takes a line of 4 MB', async () => {
    const long = 'x'.repeat(4 * 1024 * 1024);
    const { outcome } = await runScript({ steps: [lines.answer(long), lines.complete()] });
    expect(outcome).toMatchObject({ status: 'completed', digest: { bytes: long.length } });
    // No terminal event tells so much.
    expect(outcome).not.toHaveProperty('text');
  });
});

describe('a plain-text answer', () => {
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  const preamble = `Execution ID: e-7\nStarting execution: 2026-01-01\n${'='.repeat(60)}\n`;

  it('comes without its preamble, and is complete when it ends under framing', async () => {
    for (const framing of ['chunked', 'content-length'] as const) {
      const { events, outcome } = await runScript({
        framing,
        headers,
        steps: [{ raw: `${preamble}grüße\n` }],
      });
      expect(events).toEqual([
        { type: 'started', executionId: 'e-7' },
        { type: 'text', text: 'grüße\n', begin: true },
      ]);
      expect(outcome).toEqual({
        status: 'completed',
        evidence: 'clean-eof',
        text: 'grüße\n',
        digest: digestOf('grüße\n'),
      });
    }
  });

  it('gives the same text wherever it is cut, and keeps what only looks like a preamble', async () => {
    const bytes = Buffer.from(`${preamble}Execution ID: none\n====\n€ 1`);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      const steps = [{ raw: bytes.subarray(0, cut) }, { raw: bytes.subarray(cut) }];
      const { blocks, events } = await runScript({ headers, steps });
      expect(blocks).toEqual(['Execution ID: none\n====\n€ 1']);
      expect(events[0]).toEqual({ type: 'started', executionId: 'e-7' });
    }
  });

  it.each([
    'Execution',
    'Execution ID',
    '====\nfour',
    'Starting\nnow',
    'E',
    '{"type":"complete","status":"error"}\n',
  ])('is left alone where there is no preamble: %j', async (text) => {
    const { blocks, outcome } = await runScript({ headers, steps: [{ raw: text }] });
    expect(blocks).toEqual([text]);
    expect(outcome).toMatchObject({ status: 'completed', evidence: 'clean-eof' });
  });

  it.each<[string, UpstreamScript]>([
    ['upstream_incomplete', { framing: 'close', steps: [{ raw: 'text' }] }],
    ['upstream_incomplete', { steps: [] }],
    ['upstream_incomplete', { steps: [{ raw: preamble }] }],
    ['upstream_cut', { steps: [{ raw: 'text' }, { fin: true }] }],
    ['upstream_cut', { steps: [{ raw: 'text' }, { reset: true }] }],
  ])('fails with %s: %o', async (code, script) => {
    const { outcome } = await runScript({ headers, ...script });
    expect(outcome).toMatchObject({ status: 'failed', code, sent: true });
  });
});
