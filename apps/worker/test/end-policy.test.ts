import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import { describe, expect, test } from 'vitest';
import { applyEndPolicy } from '../src/end-policy.ts';

const digest = { bytes: 5, sha256: 'ab' };
const completed: UpstreamOutcome = { status: 'completed', evidence: 'complete-line', text: 'Hello', digest };
const denied: UpstreamOutcome = {
  ...completed,
  permissionDenials: ['Bash', 'Write', 'Bash'].map((tool) => ({ tool, toolUseId: 't' })),
};
const refusedAsSuccess: UpstreamOutcome = { ...completed, stopReason: 'refusal', text: 'I will not' };
const refused: UpstreamOutcome = {
  ...{ status: 'failed', code: 'claude_refused', message: 'I will not', sent: true },
  ...{ evidence: 'complete-line', stopReason: 'refusal', digest },
};

describe('denied tools', () => {
  test.each([[{}], [{ onDenial: 'report' as const }]])('are reported with %o', (policy) => {
    expect(applyEndPolicy(denied, policy)).toBe(denied);
  });

  test('fail the job that asks for it, and are named', () => {
    expect(applyEndPolicy(denied, { onDenial: 'fail' })).toEqual({
      status: 'failed',
      code: 'claude_denied',
      message: 'Claude Code was not allowed to use Bash, Write',
      sent: true,
      evidence: 'complete-line',
      permissionDenials: denied.permissionDenials,
      digest,
    });
    expect(applyEndPolicy(completed, { onDenial: 'fail' })).toBe(completed);
  });
});

describe('a refusal', () => {
  test('fails the job, also when Claude Code calls it a success', () => {
    expect(applyEndPolicy(refused, {})).toBe(refused);
    expect(applyEndPolicy(refusedAsSuccess, {})).toMatchObject(refused);
  });

  test('is reported to the job that asks for it', () => {
    const report = { onRefusal: 'report' } as const;
    expect(applyEndPolicy(refusedAsSuccess, report)).toBe(refusedAsSuccess);
    expect(applyEndPolicy(refused, report)).toEqual({
      status: 'completed',
      evidence: 'complete-line',
      stopReason: 'refusal',
      digest,
    });
  });
});

test('what ended otherwise is left alone', () => {
  const outcomes: UpstreamOutcome[] = [
    { status: 'aborted', stopReason: 'refusal' },
    { status: 'timed_out', limit: 'idle' },
    { status: 'failed', code: 'claude_error', message: '', sent: true },
  ];
  for (const outcome of outcomes) {
    expect(applyEndPolicy(outcome, { onDenial: 'fail', onRefusal: 'report' })).toBe(outcome);
  }
});
