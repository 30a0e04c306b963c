import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import { byteSize, durationMs, flag, listOf, oneOf, port, positiveInt, text, urlText } from '../src/index.ts';

/** [schema, accepted text, value] */
const accepted: [string, z.ZodType, unknown, unknown][] = [
  ['a port', port(), '8003', 8003],
  ['port 0', port(), '0', 0],
  ['a count', positiveInt(), '17', 17],
  ['a count within bounds', positiveInt({ max: 5 }), '5', 5],
  ['a duration as a number', durationMs(), 1500, 1500],
  ['a duration as digits', durationMs(), '1500', 1500],
  ['milliseconds', durationMs(), '20ms', 20],
  ['seconds', durationMs(), '30s', 30_000],
  ['part of a second', durationMs(), '1.5s', 1500],
  ['minutes', durationMs(), '5m', 300_000],
  ['a long duration where one is allowed', durationMs({ max: 60 * 86_400_000 }), '30d', 30 * 86_400_000],
  ['a size in bytes', byteSize(), '1048576', 1_048_576],
  ['a size in megabytes', byteSize(), '1.5 MB', 1.5 * 1024 ** 2],
  ['a size in gigabytes', byteSize(), '1gb', 1024 ** 3],
  ['true', flag(), 'true', true],
  ['YES', flag(), 'YES', true],
  ['0', flag(), '0', false],
  ['no', flag(), 'no', false],
  ['a choice', oneOf(['a', 'b']), 'b', 'b'],
  ['text', text(), ' kept as it is ', ' kept as it is '],
  ['a URL', urlText(['redis', 'rediss']), 'rediss://h:1/2', 'rediss://h:1/2'],
  ['a list', listOf(), ' a, b,,c ', ['a', 'b', 'c']],
];

/** [schema, refused text, part of the message] */
const refused: [string, z.ZodType, unknown, string][] = [
  ['a port out of range', port(), '65536', 'out of range'],
  ['a port in hexadecimal', port(), '0x50', 'not a whole number'],
  ['a port with a sign', port(), '-1', 'not a whole number'],
  ['a count of zero', positiveInt(), '0', 'out of range'],
  ['a fraction as a count', positiveInt(), '1.5', 'not a whole number'],
  ['a count above the maximum', positiveInt({ max: 5 }), '6', 'out of range'],
  ['a duration in unknown units', durationMs(), '5 weeks', 'not a duration'],
  ['a negative duration', durationMs(), -1, 'not a duration'],
  ['a duration no timer can wait for', durationMs(), '30d', 'not between'],
  ['a duration under the minimum', durationMs({ min: 100 }), '99ms', 'not between'],
  ['a size in unknown units', byteSize(), '5 apples', 'not a size'],
  ['a size under the minimum', byteSize({ min: 1024 }), '1023', 'not at least'],
  ['a word as a flag', flag(), 'maybe', 'neither true nor false'],
  ['another choice', oneOf(['a', 'b']), 'c', 'not one of the choices'],
  ['a URL of another protocol', urlText(['redis']), 'http://h', 'not such a URL'],
  ['what is no URL', urlText(['redis']), 'redis', 'not such a URL'],
];

describe('values of variables', () => {
  test.each(accepted)('accept %s', (_name, schema, input, value) => {
    expect(schema.parse(input)).toEqual(value);
  });

  test.each(refused)('refuse %s', (_name, schema, input, message) => {
    expect(schema.safeParse(input).error?.issues[0]?.message).toContain(message);
  });

  test('every schema says what it expects', () => {
    for (const [name, schema] of accepted) expect(schema.description, name).toMatch(/\w/);
  });
});
