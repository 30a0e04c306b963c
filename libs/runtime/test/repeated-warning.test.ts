import { expect, test } from 'vitest';
import { createLogger, createRepeatedWarning } from '../src/index.ts';

test('an outage is told at its beginning and then once in a while, with the number of what was left out', () => {
  const lines: { msg: string; suppressed?: number }[] = [];
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) };
  const logger = createLogger({ name: 'test', level: 'info', format: 'json', stream });
  let now = 0;
  const warn = createRepeatedWarning(logger, 'redis connection', { everyMs: 1_000, now: () => now });
  for (now = 0; now <= 2_000; now += 250) warn(new Error('refused'));
  expect(lines.map(({ suppressed }) => suppressed)).toEqual([undefined, 3, 3]);
  expect(lines[0]?.msg).toBe('redis connection');
});
