/** Scripts cannot import the protocol's tables: what they say themselves must stand in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { failureCodes, isTerminal, jobStatuses, terminalTypes } from '@cc-executor/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';

const folder = new URL('../src/scripts/', import.meta.url);
const read = (file: string) => readFileSync(new URL(file, folder), 'utf8');
const source = readdirSync(folder)
  .map(read)
  .join('\n')
  .replace(/^\s*--.*$/gm, '');

/** What stands in the first group, wherever the pattern fits. */
function wordsIn(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, word]) => String(word)))];
}

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

describe('the scripts', () => {
  it.each(jobStatuses)('know whether a job has ended that is %s', async (status) => {
    const script = `${read('shared.lua')}\nreturn is_terminal(ARGV[1]) and 1 or 0`;
    expect(await twin.redis.eval(script, 0, status)).toBe(isTerminal(status) ? 1 : 0);
  });

  it.each([
    ['statuses, where they compare one', /status [=~]= '(\w+)'/g, jobStatuses],
    ['statuses, where they set one', /'HSET', KEYS\[1\], 'status', '(\w+)'/g, jobStatuses],
    ['statuses, where they end a job', /\bfinish\('(\w+)'/g, terminalTypes],
    ['events, where they write one', /"type":"(\w+)"/g, terminalTypes],
    ['failure codes, where they write one', /"code":"(\w+)"/g, Object.keys(failureCodes)],
  ])('name only %s, that the protocol has', (_, pattern, known) => {
    const words = wordsIn(source, pattern);
    expect(words).not.toEqual([]);
    expect(known).toEqual(expect.arrayContaining(words));
  });

  it('end a job with the status that its event has', () => {
    const ends = [...source.matchAll(/\bfinish\('(\w+)', '\{"type":"(\w+)"/g)];
    expect(ends).toHaveLength(wordsIn(source, /(\bfinish\('\w+'.*)/g).length);
    for (const [, status, type] of ends) expect(type).toBe(status);
  });
});
