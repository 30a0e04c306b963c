/** Compares what we know of Claude Code's lines with their published types: nothing is missing, and nothing is made up. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findClaudeTypes } from '@cc-executor/testing';
import { beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { errorMeanings } from '../src/cause.ts';
import { lineKinds } from '../src/line-kinds.ts';

const INSTALL_MS = 150_000;
const tsc = fileURLToPath(new URL('../../../node_modules/typescript/bin/tsc', import.meta.url));

let types: Awaited<ReturnType<typeof findClaudeTypes>>;
beforeAll(async () => {
  types = await findClaudeTypes(process.env.TEST_CLAUDE !== 'off');
}, INSTALL_MS);
beforeEach(({ skip }) => skip('missing' in types, 'missing' in types ? types.missing : ''));

/** What the compiler says of `code`, which can use the published types as `sdk`. */
async function complaintsOf(code: string): Promise<string> {
  if ('missing' in types) return types.missing;
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-types-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'check.ts');
  await writeFile(file, `import type * as sdk from '${types.file}';\n${code}`);
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--skipLibCheck',
    '--allowImportingTsExtensions',
  ];
  const modules = ['--module', 'nodenext', '--target', 'esnext', '--types', ''];
  return promisify(execFile)(process.execPath, [tsc, ...options, ...modules, file]).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string; message: string }) => error.stdout || error.message,
  );
}

/** The type of its names. */
const unionOf = (table: object) =>
  Object.keys(table)
    .map((name) => JSON.stringify(name))
    .join(' | ');

/** Both ways: each name that only one side has is an error that holds it. */
const sameNames = (ours: string, theirs: string) => `
  type Missing = Exclude<${theirs}, ${ours}>;
  type MadeUp = Exclude<${ours}, ${theirs}>;
  export const missing: Record<Missing, never> = {};
  export const madeUp: Record<MadeUp, never> = {};
`;

/** The control protocol is printed, too. Of `command_lifecycle` the types say nothing; the recordings have it. */
const kindOfLine = `
  type KindOf<M> = M extends { type: 'system'; subtype: infer S extends string }
    ? \`system/\${S}\`
    : M extends { type: infer T extends string } ? T : never;
  type Printed = ReturnType<sdk.Transport['readMessages']> extends AsyncGenerator<infer M> ? M : never;
  type Kind = KindOf<sdk.SDKMessage | Printed> | 'command_lifecycle';
`;

test('the types are those of the Claude Code that is pinned', async () => {
  const pinned = new URL('../../../tools/claude-code/package.json', import.meta.url);
  const { dependencies } = JSON.parse(await readFile(pinned, 'utf8'));
  expect(types).toMatchObject({ claudeCodeVersion: dependencies['@anthropic-ai/claude-code'] });
});

test('every kind of line is read, passed on or named as of no interest', async () => {
  expect(await complaintsOf(kindOfLine + sameNames(unionOf(lineKinds), 'Kind'))).toBe('');
});

test('every typed error has a meaning, or is named as having none', async () => {
  const theirs = 'sdk.SDKAssistantMessageError';
  expect(await complaintsOf(sameNames(unionOf(errorMeanings), theirs))).toBe('');
});

test('a kind that is not known would be told', async () => {
  const known = `Exclude<Kind, 'rate_limit_event'> | 'system/made_up'`;
  const complaints = await complaintsOf(kindOfLine + sameNames(known, 'Kind'));
  expect(complaints).toContain('rate_limit_event');
  expect(complaints).toContain('system/made_up');
});
