import { expect, it } from 'vitest';
import { lineKinds } from '../src/line-kinds.ts';
import { recording, recordingNames } from './recordings.ts';

function kindsIn(name: string): string[] {
  return recording(name)
    .map((line) => JSON.parse(line))
    .map(({ type, subtype }) => (type === 'system' ? `system/${subtype}` : type));
}

it.each(recordingNames)('every kind of line in the recording %s is known', (name) => {
  const kinds = kindsIn(name);
  expect(kinds.length).toBeGreaterThan(0);
  expect(kinds.filter((kind) => !Object.hasOwn(lineKinds, kind))).toEqual([]);
});
