import { expect, test } from 'vitest';
import { redactUrl } from '../src/index.ts';

test.each([
  ['redis://user:pass@host:6379/0', 'redis://***@host:6379/0'],
  ['redis://:p@ss/word@host', 'redis://***@host'],
  ['cannot reach redis://u:p@host now', 'cannot reach redis://***@host now'],
  ['redis://host?password=abc&db=1', 'redis://host?password=***&db=1'],
  ['redis+sentinel://a/b?sentinelPassword=abc', 'redis+sentinel://a/b?sentinelPassword=***'],
  ['redis://host:6379', 'redis://host:6379'],
  ['file:///app/node_modules/@scope/x.js', 'file:///app/node_modules/@scope/x.js'],
])('%s is shown as %s', (text, shown) => {
  expect(redactUrl(text)).toBe(shown);
});
