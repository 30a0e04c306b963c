import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { logEvents } from '../src/index.ts';

test('docs/operations.md says what each event of the logs means', () => {
  const text = readFileSync(new URL('../../../docs/operations.md', import.meta.url), 'utf8');
  const section = text.split(/^## /m).find((part) => part.startsWith('Logs\n'));
  const documented = [...(section ?? '').matchAll(/^\| `(\w+)` \| .+ \| .+ \|$/gm)].map(([, event]) => event);
  expect(documented).toEqual(Object.values(logEvents));
});
