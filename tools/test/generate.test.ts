import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { durationMs, oneOf, setting, text } from '@cc-executor/runtime';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { formatDuration, renderApp } from '../generate/configuration.ts';
import { compareFiles, writeFiles } from '../generate/files.ts';
import { generateOptionTables } from '../generate/options.ts';
import { generateReference } from '../generate/reference.ts';
import { generateSchemas } from '../generate/schemas.ts';

describe('the reference of the SDK', () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const [[, page = ''] = []] = generateReference(root, new Map());

  test('has all that is exported, each declared whole', async () => {
    const client = await import('@cc-executor/client');
    const named = [...page.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(named).toEqual(expect.arrayContaining(Object.keys(client)));
    expect(named).toEqual(expect.arrayContaining(['JobEvent', 'createChatTransport', 'useConversation']));
    const blocks = [...page.matchAll(/^```ts\n([\s\S]*?)\n```$/gm)].map(([, code = '']) => code);
    const count = (code: string, brackets: RegExp) => code.match(brackets)?.length ?? 0;
    expect(blocks.filter((code) => count(code, /[([{]/g) !== count(code, /[)\]}]/g))).toEqual([]);
    expect(blocks).toHaveLength(named.length);
  });
});

describe('the configuration reference', () => {
  const section = renderApp({
    appName: 'gateway',
    intro: 'The door.',
    settings: {
      idleMs: setting({ env: 'IDLE_MS', schema: durationMs(), default: 90_000, description: 'Idle.' }),
      mode: setting({ env: 'MODE', schema: oneOf(['a', 'b']), description: 'Either a|b.', example: 'a' }),
      key: setting({ env: 'KEY', schema: text().optional(), description: 'Key.', secret: true }),
    },
  });

  test('has a section with a row for each setting', () => {
    expect(section.split('\n')).toEqual([
      '## gateway',
      '',
      'The door.',
      '',
      '| variable | accepts | default | meaning |',
      '| --- | --- | --- | --- |',
      '| `IDLE_MS` | a duration | `90s` | Idle. |',
      '| `MODE` | one of a, b | **required** | Either a\\|b. Example: `a`. |',
      '| `KEY` (secret) | text |  | Key. |',
      '',
    ]);
  });

  test.each([
    [500, '500ms'],
    [1500, '1500ms'],
    [2000, '2s'],
    [300_000, '5m'],
    [86_400_000, '24h'],
    [0, '0ms'],
  ])('writes %i milliseconds as %s', (ms, expected) => {
    expect(formatDuration(ms)).toBe(expected);
  });
});

test('every message has a schema file, and every door a document', () => {
  const files = generateSchemas();
  expect(files.size).toBeGreaterThan(10);
  for (const [path, content] of files) {
    const isDocument = ['docs/openapi.json', 'docs/asyncapi.json'].includes(path);
    if (!isDocument) expect(path).toMatch(/^docs\/schema\/[\w.-]+\.json$/);
    expect(JSON.parse(content)).toHaveProperty(isDocument ? 'info' : '$schema');
  }
});

describe('generated files', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'generate-'));
    mkdirSync(join(root, 'own'));
    for (const [name, content] of [
      ['same', 'x'],
      ['changed', 'old'],
      ['left-over', 'x'],
    ]) {
      writeFileSync(join(root, 'own', name!), content!);
    }
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('that are missing, changed or left over are named, written and deleted', () => {
    const contents = new Map([
      ['own/same', 'x'],
      ['own/changed', 'new'],
      ['other/missing', 'x'],
    ]);
    const files = { contents, ownedFolders: ['own'] };
    const differing = compareFiles(root, files);
    expect(differing).toEqual(['other/missing', 'own/changed', 'own/left-over']);
    writeFiles(root, files, differing);
    expect(compareFiles(root, files)).toEqual([]);
    expect(existsSync(join(root, 'own/left-over'))).toBe(false);
  });
});

test('the tables of options are put between their marks, and nothing else of the file changes', () => {
  const files = ['PROTOCOL.md', 'docs/claude-code.md'];
  const repository = fileURLToPath(new URL('../../', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'generate-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, 'docs'));
  const generate = (change: (text: string) => string) => {
    for (const file of files) {
      writeFileSync(join(folder, file), change(readFileSync(join(repository, file), 'utf8')));
    }
    return generateOptionTables(folder);
  };
  const written = generate((text) => text.replace(/^\| `maxTurns` .*\n/m, '| `gone` | | |\n'));
  for (const file of files) {
    expect(readFileSync(join(folder, file), 'utf8')).not.toContain('`maxTurns` |');
    expect(written.get(file)).toBe(readFileSync(join(repository, file), 'utf8'));
  }
  expect(() => generate((text) => text.replace('<!-- End', '<!-- Beginning'))).toThrow('no marks');
});
