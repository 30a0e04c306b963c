import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClaudeOption, claudeOptions, type FileValue } from '@cc-executor/claude-options';
import { Command } from 'commander';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addClaudeFlags, claudeFlag, readClaudeFlags, splitTools } from '../src/claude-flags.ts';

const example = new URL(
  '../../../libs/protocol/examples/request.execute.params.everything.json',
  import.meta.url,
);
const everything = JSON.parse(readFileSync(example, 'utf8')) as Record<string, unknown>;

/** The texts by which a value is given on a command line. */
function textsOf(name: string): string[] {
  const value = everything[name];
  if (name === 'outputSchema' || name === 'settings') return [JSON.stringify(value)];
  if (name === 'from') return [`${(value as { git: string }).git}#main`];
  if (name === 'attachments') return [imageFile(value as FileValue[])];
  if (Array.isArray(value)) return value.map(String);
  if (typeof value !== 'object') return [String(value)];
  return Object.entries(value as object).map(([name, member]) => `${name}=${member}`);
}

function imageFile([file]: FileValue[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'claude-flags-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'picture.PNG');
  writeFileSync(path, file?.data ?? '', 'base64');
  return path;
}

function parse(args: string[]): Record<string, unknown> {
  const command = new Command('run').exitOverride();
  addClaudeFlags(command);
  command.parse(args, { from: 'user' });
  const faults: string[] = [];
  return { ...readClaudeFlags(command.opts(), faults), ...(faults.length > 0 && { faults }) };
}

describe('the options of Claude Code on the command line', () => {
  it.each(Object.keys(claudeOptions))('%s has a flag, and its value arrives as it was', (name) => {
    const args = textsOf(name).flatMap((text) => [claudeFlag(name)!, text]);
    expect(args).not.toEqual([]);
    expect(parse(args)).toEqual({ [name]: everything[name] });
  });

  it('are explained by the help, each in the words of the table', () => {
    const command = new Command('run');
    addClaudeFlags(command);
    const help = command.helpInformation().replaceAll(/\s+/g, ' ');
    for (const { run, meaning } of Object.values<ClaudeOption>(claudeOptions)) {
      expect(help).toContain(`${run} ${meaning}`);
    }
  });

  it('tell an archive from a repository by how its address ends', () => {
    const archive = 'https://files.example/site.tar.gz?signature=x';
    expect(parse(['--from', archive])).toEqual({ from: { archive } });
    const git = 'https://git.example/site.tar/site';
    expect(parse(['--from', git])).toEqual({ from: { git } });
    expect(parse(['--from', `${git}#v1#x`])).toEqual({ from: { git, ref: 'v1#x' } });
  });

  it('name a malformed pair by its flag', () => {
    expect(parse(['--env', 'A', '--env', 'B=1'])).toEqual({
      env: { B: '1' },
      faults: ["--env: 'A' is not key=value"],
    });
  });

  it('take a schema from a file, and name the flag of one that cannot be read', () => {
    expect(parse(['--output-schema', fileURLToPath(example)])).toEqual({ outputSchema: everything });
    for (const text of ['{"type":', '/nowhere/schema.json']) {
      const { faults } = parse(['--output-schema', text]);
      expect(faults).toEqual([expect.stringMatching(/^--output-schema: /)]);
    }
  });

  it('name the flag of a file that cannot be read, or is of no kind that a model sees', () => {
    for (const path of ['/nowhere/picture.png', fileURLToPath(import.meta.url)]) {
      expect(parse(['--image', path]).faults).toEqual([
        expect.stringMatching(/^--image: .*(ENOENT|none of png)/),
      ]);
    }
  });

  it('do not take other parameters for one of theirs', () => {
    expect([claudeFlag('addDirs'), claudeFlag('priority'), claudeFlag('constructor')]).toEqual([
      '--add-dir',
      undefined,
      undefined,
    ]);
  });

  it('split tools at commas outside parentheses', () => {
    expect(splitTools('Bash(a:*, b:*), Read,,Edit')).toEqual(['Bash(a:*, b:*)', 'Read', 'Edit']);
  });
});
