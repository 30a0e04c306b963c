/** Whatever claude-api makes of a schema, and if it does not know of schemas at all, the worker looks itself. */
import type { UpstreamOutcome } from '@cc-executor/claude-api-client';
import { describe, expect, test } from 'vitest';
import { requireOutput } from '../src/output-check.ts';

const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const digest = { bytes: 5, sha256: 'ab' };
const completed: UpstreamOutcome = { status: 'completed', evidence: 'result-line', text: 'Bern', digest };
const aborted: UpstreamOutcome = { status: 'aborted' };

describe('a run that completed', () => {
  test('with an object of the schema stays as it is', async () => {
    const outcome = { ...completed, structuredOutput: { city: 'Bern' } };
    expect(await requireOutput(outcome, schema)).toBe(outcome);
  });

  test.each([
    [{}, 'Claude Code gave no object'],
    [{ structuredOutput: { city: 7 } }, 'is not of the outputSchema: it/city must be string'],
    [{ structuredOutput: null }, 'is not of the outputSchema: it must be object'],
  ])('with %o failed', async (given, message) => {
    const outcome = await requireOutput({ ...completed, ...given, turns: 2 }, schema);
    expect(outcome).toMatchObject({
      ...{ status: 'failed', code: 'structured_output_invalid', evidence: 'result-line', sent: true },
      ...{ digest, turns: 2, message: expect.stringContaining(message) },
    });
  });

  test('without a schema owes nothing', async () => {
    expect(await requireOutput(completed, undefined)).toBe(completed);
  });
});

test('a run that did not complete stays as it is', async () => {
  expect(await requireOutput(aborted, schema)).toBe(aborted);
});
