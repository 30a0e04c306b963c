/** What is recorded of the real Claude Code: a prompt for the stand-in model, and how the run is disturbed. */
import type { RecordClaudeOptions } from '@cc-executor/testing';

export type Scenario = Omit<RecordClaudeOptions, 'bin'>;

const BASH = ['--allowedTools=Bash'];
const LONG = '[[chunks: 60]] [[delay: 50]]';
const DELTA = '"text":"w20 "';

export const scenarios: Readonly<Record<string, Scenario>> = {
  'long-tool': {
    prompt: '[[bash: for i in 1 2 3 4; do echo "step $i"; sleep 2; done]] [[bash: echo $((6 * 7))]]',
    args: BASH,
  },
  'failed-tool': { prompt: '[[bash: cat /nowhere; exit 3]]', args: BASH },
  'denied-tool': { prompt: '[[bash: touch it-ran]] [[text: It was not allowed.]]' },
  retried: { prompt: '[[status: 529 1]] [[text: At the second try.]]' },
  refused: { prompt: '[[refusal]] [[text: That I will not]]' },
  unauthorized: { prompt: '[[status: 401]]' },
  'rate-limited': { prompt: '[[status: 429]]' },
  'bad-request': { prompt: '[[status: 400]]' },
  'max-turns': { prompt: '[[bash: echo 1]] [[bash: echo 2]]', args: [...BASH, '--max-turns=1'] },
  'interrupted-tool': {
    prompt: '[[bash: echo begun; s=sleep; $s 60]]',
    args: BASH,
    kill: { signal: 'SIGINT', at: '"tool_use","id"' },
  },
  terminated: { prompt: LONG, kill: { signal: 'SIGTERM', at: DELTA } },
  killed: { prompt: LONG, kill: { signal: 'SIGKILL', at: DELTA } },
  'killed-at-start': { prompt: LONG, kill: { signal: 'SIGKILL', at: '"subtype":"init"' } },
  'killed-in-tool': {
    prompt: '[[bash: echo begun; s=sleep; $s 60]]',
    args: BASH,
    kill: { signal: 'SIGKILL', at: '"tool_use","id"' },
  },
};
