/** The completion as the shell runs it: bash reads the script and calls the function that it has registered. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { runHere } from './cli-here.ts';

const CALL = `
source /dev/stdin <<< "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
[[ $(complete -p cc-executor) =~ -F\\ ([a-z_]+) ]] && "\${BASH_REMATCH[1]}"
printf '%s\\n' "\${COMPREPLY[@]}"`;

/** What bash offers for the last of these words. */
async function complete(...words: string[]): Promise<string[]> {
  const { stdout: script } = await runHere(['completion', 'bash']).ended;
  const offered = execFileSync('bash', ['-uc', CALL, 'bash', script, 'cc-executor', ...words], {
    encoding: 'utf8',
  });
  return offered.split('\n').filter((word) => word !== '');
}

describe('the completion for bash', () => {
  it('offers commands, and those below a command', async () => {
    expect(await complete('re')).toEqual(['rerun', 'resume', 'redeliver']);
    expect(await complete('u')).toEqual(['up']);
    expect(await complete('batch', '')).toEqual(['submit', 'run', 'get', 'results', 'cancel', 'help']);
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish']);
  });

  it("offers a command's own options", async () => {
    expect(await complete('run', '--on-d')).toEqual(['--on-denial', '--on-disconnect']);
    expect(await complete('batch', 'run', 'jobs.jsonl', '--o')).toEqual(['--out']);
    expect(await complete('batch', 'get', '--o')).toEqual([]);
  });

  it("offers an option's choices, and files where it takes anything", async () => {
    expect(await complete('run', '--retry', '')).toEqual(['safe', 'never', 'always']);
    expect(await complete('batch', 'run', '--out', 'r')).toEqual([]);
  });

  it('is not led astray by what an option takes', async () => {
    expect(await complete('--token', 'run', 'batch', 'r')).toEqual(['run', 'results']);
    expect(await complete('run', '--model', 'batch', '--ret')).toEqual(['--retry']);
  });
});

it('sets nothing in zsh that is special there: the search path, the words that are completed, the options of the shell', async () => {
  const { stdout } = await runHere(['completion', 'zsh']).ended;
  expect(stdout).toMatch(/^autoload -U \+X bashcompinit && bashcompinit\n/);
  expect(stdout).not.toMatch(/\b(?:path|words|options|status|argv|fpath|commands|functions|aliases)\+?=/);
});
