import type { EventBody } from '@cc-executor/protocol';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createStartNotice } from '../src/start-notice.ts';

const whole = { model: 'm', version: '2', tools: ['Read'], mcpServers: [{ name: 'wiki', status: 'failed' }] };

let written: EventBody[] = [];
const make = () => createStartNotice({ write: (event) => written.push(event) });

beforeEach(() => {
  written = [];
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('one event says who answers and all that Claude Code says of itself', () => {
  const notice = make();
  notice.begun('claude');
  expect(written).toEqual([]);
  notice.ready({ type: 'session', sessionId: 's', cwd: '/w', keySource: 'none', ...whole });
  notice.announce();
  vi.runAllTimers();
  notice.ready({ type: 'session', sessionId: 's', model: 'another turn' });
  expect(written).toEqual([{ type: 'started', engine: 'claude', ...whole }]);
});

test('it is not waited for any longer than two seconds; then it comes again, whole', () => {
  const notice = make();
  notice.begun('claude');
  vi.advanceTimersByTime(1_999);
  expect(written).toEqual([]);
  vi.advanceTimersByTime(1);
  expect(written).toEqual([{ type: 'started', engine: 'claude' }]);
  notice.ready({ type: 'session', sessionId: 's', model: 'm' });
  expect(written.slice(1)).toEqual([{ type: 'started', engine: 'claude', model: 'm' }]);
});

test('what follows comes after it, and a call that never began has none', () => {
  const notice = make();
  notice.settle();
  expect(written).toEqual([]);
  notice.begun('claude');
  notice.settle();
  expect(written).toEqual([{ type: 'started', engine: 'claude' }]);
  const plain = make();
  plain.announce();
  expect(written.slice(1)).toEqual([{ type: 'started' }]);
});

test.each(['demo', 'another service'])('%s is not waited for', (engine) => {
  const notice = make();
  notice.begun(engine);
  notice.ready({ type: 'session', sessionId: 's', model: 'm' });
  expect(written).toEqual([{ type: 'started', engine }]);
});
