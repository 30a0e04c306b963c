import { type ClaudeResult, judgeResult } from '@cc-executor/claude-stream';
import { expect, test } from 'vitest';
import type { EngineEnding } from '../src/engine.ts';
import { decideOutcome, type StopReason } from '../src/verdict.ts';

const success: ClaudeResult = { type: 'result', subtype: 'success', is_error: false, result: 'done' };
const apiError: ClaudeResult = { ...success, is_error: true, api_error_status: 529 };
const interrupted: ClaudeResult = {
  type: 'result',
  subtype: 'error_during_execution',
  is_error: true,
  terminal_reason: 'aborted_streaming',
};

function ending(exitCode: number | null, signal: NodeJS.Signals | null = null): EngineEnding {
  return { exitCode, signal, stderr: '' };
}

const cases: [
  string,
  EngineEnding,
  ClaudeResult | undefined,
  StopReason | undefined,
  { status: string; code?: string },
][] = [
  ['success and exit code 0', ending(0), success, undefined, { status: 'success' }],
  ['success before the wish to cancel', ending(0), success, 'cancelled', { status: 'success' }],
  [
    'success, then killed for the cancel',
    ending(null, 'SIGKILL'),
    success,
    'cancelled',
    { status: 'cancelled' },
  ],
  [
    'success, then killed by someone',
    ending(null, 'SIGKILL'),
    success,
    undefined,
    { status: 'error', code: 'claude_exit' },
  ],
  ['success, then exit code 1', ending(1), success, undefined, { status: 'error', code: 'claude_exit' }],
  [
    'subtype success that is an error',
    ending(1),
    apiError,
    undefined,
    { status: 'error', code: 'claude_overloaded' },
  ],
  [
    'the same with exit code 0',
    ending(0),
    apiError,
    undefined,
    { status: 'error', code: 'claude_overloaded' },
  ],
  ['interrupted by us', ending(0), interrupted, 'cancelled', { status: 'cancelled' }],
  ['interrupted because the caller left', ending(0), interrupted, 'disconnected', { status: 'cancelled' }],
  [
    'interrupted by someone',
    ending(0),
    interrupted,
    undefined,
    { status: 'error', code: 'claude_interrupted' },
  ],
  [
    'no result and exit code 0',
    ending(0),
    undefined,
    undefined,
    { status: 'error', code: 'claude_no_result' },
  ],
  ['no result, interrupted by us', ending(0), undefined, 'cancelled', { status: 'cancelled' }],
  ['too long', ending(null, 'SIGTERM'), undefined, 'timeout', { status: 'timeout', code: 'timeout' }],
  [
    'interrupted because the login was refused',
    ending(0),
    interrupted,
    'login-refused',
    { status: 'error', code: 'claude_auth' },
  ],
  ['shut down', ending(0), interrupted, 'shutdown', { status: 'error', code: 'shutting_down' }],
];

test('with tasks in the background no end is a success', () => {
  const decide = (end: EngineEnding, stopReason?: StopReason) =>
    decideOutcome({ ending: end, verdict: judgeResult(success), stopReason, isBackgroundOver: false });
  expect(decide(ending(0))).toMatchObject({ status: 'error', error: { code: 'claude_background' } });
  expect(decide(ending(0), 'cancelled')).toEqual({ status: 'cancelled' });
  expect(decide(ending(0), 'timeout')).toMatchObject({ status: 'timeout' });
});

test.each(cases)('%s', (_name, end, result, stopReason, expected) => {
  const { status, error } = decideOutcome({
    ending: end,
    verdict: result && judgeResult(result),
    stopReason,
    isBackgroundOver: true,
  });
  expect({ status, code: error?.code }).toEqual({ code: undefined, ...expected });
});
