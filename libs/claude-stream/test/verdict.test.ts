import { describe, expect, it } from 'vitest';
import { type ClaudeResult, judgeResult } from '../src/index.ts';
import { foldBlocks, readAll, recording, recordingNames } from './recordings.ts';

const result = (fields: Partial<ClaudeResult>): ClaudeResult => ({ type: 'result', ...fields });

/** Claude Code was ended before it could give a result. */
const withoutResult = ['interrupted-tool', 'killed', 'killed-at-start', 'killed-in-tool', 'terminated'];

function judgeRecording(name: string) {
  const events = readAll(recording(name));
  const event = events.find(({ type }) => type === 'result');
  if (event?.type !== 'result') throw new Error('the recording has no result');
  return { events, result: event.result, verdict: judgeResult(event.result, event.cause) };
}

describe('the verdict', () => {
  it('has nothing to go by where the process was ended from outside', () => {
    const lacking = recordingNames.filter(
      (name) => !readAll(recording(name)).some(({ type }) => type === 'result'),
    );
    expect(lacking.sort()).toEqual(withoutResult);
  });

  it.each(recordingNames.filter((name) => !withoutResult.includes(name)))(
    'on the recording %s agrees with its last text block or its error',
    (name) => {
      const { events, result, verdict } = judgeRecording(name);
      if (verdict.ok) {
        expect(foldBlocks(events).at(-1)).toBe(result.result);
        expect(verdict.text).toBe(result.result);
      } else {
        expect(verdict.message).toContain(result.result ?? result.errors?.[0]);
      }
    },
  );

  it('sums a run up', () => {
    const { verdict } = judgeRecording('tool');
    expect(verdict.summary).toMatchObject({
      costUsd: 0.000536,
      turns: 2,
      conversation: 'd4ec7b63-29c7-4634-9e29-b767ed0cdbb0',
      usage: { input_tokens: 24, output_tokens: 22 },
    });
    expect(verdict.summary.durationMs).toBeGreaterThan(0);
  });

  it('calls success with is_error a failure', () => {
    expect(judgeRecording('overloaded').verdict).toMatchObject({ ok: false, code: 'claude_overloaded' });
  });

  it('calls an interrupted run interrupted', () => {
    expect(judgeRecording('interrupted').verdict).toMatchObject({ ok: false, code: 'claude_interrupted' });
  });

  it.each([
    ['refused-twice', { code: 'claude_refused' }],
    ['output-limit', { code: 'claude_output_limit' }],
    ['no-credit', { code: 'claude_credit' }],
    ['prompt-too-long', { code: 'claude_prompt_too_long' }],
    ['no-such-model', { code: 'claude_model_unknown' }],
    ['usage-limit', { code: 'claude_usage_limit', limit: 'five_hour', resetsAt: 1795500000_000 }],
    ['rate-limited', { code: 'claude_rate_limited' }],
    ['unauthorized', { code: 'claude_auth' }],
    ['bad-request', { code: 'claude_error' }],
  ] as const)('reads the recording %s as %o', (name, expected) => {
    const { verdict } = judgeRecording(name);
    expect(verdict).toMatchObject({ ok: false, ...expected });
    expect('resetsAt' in verdict).toBe('resetsAt' in expected);
  });

  it.each([
    ['claude_auth', 'authentication_failed'],
    ['claude_auth', 'oauth_org_not_allowed'],
    ['claude_auth', 'account_on_hold'],
    ['claude_auth', 'verification_required'],
    ['claude_auth', 'cloud_credential_error'],
    ['claude_credit', 'billing_error'],
    ['claude_rate_limited', 'rate_limit'],
    ['claude_overloaded', 'overloaded'],
    ['claude_output_limit', 'max_output_tokens'],
    ['claude_model_unknown', 'model_not_found'],
  ] as const)('gives %s for the typed error %s, whatever the words are', (code, error) => {
    const words = 'API Error: 500 Please run /login';
    const failure = result({ subtype: 'success', is_error: true, result: words, api_error_status: 500 });
    expect(judgeResult(failure, { error })).toMatchObject({ ok: false, code });
  });

  it.each([
    ['claude_overloaded', { subtype: 'success', is_error: true, api_error_status: 529 }],
    ['claude_overloaded', { subtype: 'success', is_error: true, result: 'API Error: 529 overloaded' }],
    ['claude_rate_limited', { subtype: 'success', is_error: true, api_error_status: 429 }],
    ['claude_auth', { subtype: 'success', is_error: true, api_error_status: 401 }],
    ['claude_auth', { subtype: 'success', is_error: true, api_error_status: 403 }],
    ['claude_auth', { subtype: 'success', is_error: true, result: 'Invalid API key · Please run /login' }],
    ['claude_auth', { subtype: 'success', is_error: true, result: 'Not logged in · Please run /login' }],
    ['claude_auth', { subtype: 'success', is_error: true, result: 'Login expired · Please run /login' }],
    ['claude_credit', { subtype: 'success', is_error: true, api_error_status: 402 }],
    ['claude_credit', { subtype: 'success', is_error: true, result: 'Credit balance is too low' }],
    ['claude_prompt_too_long', { subtype: 'success', is_error: true, terminal_reason: 'prompt_too_long' }],
    ['claude_refused', { subtype: 'success', is_error: true, stop_reason: 'refusal' }],
    ['claude_error', { subtype: 'success', is_error: true, api_error_status: 500 }],
    ['claude_error', { subtype: 'success', is_error: true, api_error_status: 404, result: 'no such model' }],
    ['claude_max_turns', { subtype: 'error_max_turns', is_error: true }],
    ['structured_output_invalid', { subtype: 'error_max_structured_output_retries', is_error: true }],
    ['claude_budget', { subtype: 'error_max_budget_usd', is_error: true }],
    ['claude_error', { subtype: 'error_during_execution', is_error: true, terminal_reason: 'model_error' }],
    ['claude_error', { subtype: 'something_new', is_error: false }],
    ['claude_error', {}],
  ] as const)('gives %s for %o', (code, fields) => {
    expect(judgeResult(result(fields))).toMatchObject({ ok: false, code });
  });

  it('always has a message, and text only where it is one', () => {
    expect(judgeResult(result({ subtype: 'error_max_turns' }))).toMatchObject({
      message: 'Claude Code ended with error_max_turns',
    });
    expect(judgeResult(result({ subtype: 'success', is_error: false }))).toMatchObject({
      ok: true,
      text: '',
    });
  });
});
