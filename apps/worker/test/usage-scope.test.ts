import { ALL_MODELS } from '@cc-executor/job-log';
import { expect, test } from 'vitest';
import { familyOf, scopesOf } from '../src/usage-scope.ts';

test.each([
  ['opus', 'opus'],
  ['opus[1m]', 'opus'],
  ['claude-opus-4-5-20261101', 'opus'],
  ['claude-3-5-Sonnet-latest', 'sonnet'],
  ['us.anthropic.claude-haiku-4-5-v1:0', 'haiku'],
  ['claude-sonnet-4-5@20250929', 'sonnet'],
  ['opusplan', 'opusplan'],
  ['7', '7'],
  [undefined, 'unnamed'],
])('%s is of the family %s', (model, family) => {
  expect(familyOf(model)).toBe(family);
});

test.each<[string, ...Parameters<typeof scopesOf>, string[]]>([
  ['without a name', undefined, 'opus', 'claude-opus-5-5', [ALL_MODELS]],
  ['of all', 'seven_day_overage_included', 'opus', 'claude-opus-5-5', [ALL_MODELS]],
  ['of the model asked for', 'seven_day_opus', 'opus', 'claude-opus-5-5', ['opus']],
  ['of the model that is the default', 'seven_day_opus', undefined, 'claude-opus-5-5', ['opus', 'unnamed']],
  ['of the model behind another name', 'seven_day_opus', 'best', 'claude-opus-5-5', ['opus', 'best']],
  ["of a sub-agent's model", 'seven_day_opus', 'sonnet', 'claude-sonnet-4-5', ['opus']],
  ["of a sub-agent's, below the default", 'seven_day_opus', undefined, 'claude-sonnet-4-5', ['opus']],
  ['met before the model was known', 'seven_day_opus', undefined, undefined, ['opus']],
  ['that is new to us', 'monthly', undefined, 'claude-opus-5-5', ['opus', 'unnamed']],
])('a limit %s holds up what it concerns', (_, limit, asked, used, scopes) => {
  expect(scopesOf(limit, asked, used)).toEqual(scopes);
});
