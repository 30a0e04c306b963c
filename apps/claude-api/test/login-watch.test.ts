import type { StreamEvent } from '@cc-executor/claude-stream';
import { expect, test } from 'vitest';
import { createLoginWatch } from '../src/login-watch.ts';

const session = (keySource: string): StreamEvent => ({ type: 'session', sessionId: 's', keySource });
const generating: StreamEvent = { type: 'activity', generating: true };
const refusal = retry('authentication_failed');

function retry(reason: string): StreamEvent {
  return { type: 'throttled', delayMs: 500, attempt: 1, maxRetries: 10, status: 401, reason };
}

/** After which of the events it first says that the login is refused; -1 for never. */
function refusedAt(events: StreamEvent[]): number {
  const watch = createLoginWatch();
  return events.findIndex((event) => watch.isRefused(event));
}

test('an API key cannot be renewed: its first refusal counts', () => {
  expect(refusedAt([session('ANTHROPIC_API_KEY'), refusal])).toBe(1);
});

test.each(['none', 'apiKeyHelper', '/login managed key'])(
  'what comes from %s may be renewed: only a second refusal counts',
  (keySource) => {
    expect(refusedAt([session(keySource), refusal, refusal])).toBe(2);
    expect(refusedAt([session(keySource), refusal, generating, refusal])).toBe(-1);
  },
);

test('waiting for other reasons is no refusal', () => {
  expect(refusedAt([session('ANTHROPIC_API_KEY'), retry('overloaded'), retry('rate_limit')])).toBe(-1);
});
