/** `cc-executor run`: starts a job and prints the answer as it comes. */
import { type Command, Option } from 'commander';
import { addClaudeFlags, collect } from '../claude-flags.ts';
import type { ExecuteOptions } from '../execute-params.ts';

export type RunOptions = ExecuteOptions & {
  continue?: boolean;
  url?: string;
  json?: boolean;
  quiet?: boolean;
  plain?: boolean;
};

const HELP = `
Examples:
  $ cc-executor run "What does main.ts do?" --allowed-tools Read,Grep
  $ cc-executor run - < prompt.txt
  $ cc-executor run "Fix the tests" --timeout 2h --metadata ticket=42 --detach
  $ cc-executor run "And now in French" --continue
  $ cc-executor run "Go on" --conversation ID --json | jq .type

The answer goes to standard output, everything else to standard error. Durations: 90s, 30m, 2h; a bare number
is milliseconds. Ctrl-C cancels the job and waits for its end; a second Ctrl-C leaves at once.
Exit codes: 0 completed, 1 failed, 2 wrong usage, 3 timed out, 4 cancelled, 5 no gateway.`;

export function registerRun(program: Command): void {
  const run = program
    .command('run')
    .description('run a prompt and print the answer as it comes')
    .argument('[prompt]', 'the prompt; - or nothing reads standard input');
  addClaudeFlags(run);
  run
    .option(
      '--continue',
      'continue the last conversation that was had in this folder, with this gateway and profile',
    )
    .option('--idempotency-key <key>', 'the same key and prompt give the same job')
    .option('--timeout <duration>', 'limit on the whole run (default 30m)')
    .option('--first-output-timeout <duration>', 'limit on the silence at the start (default 3m)')
    .option('--idle-timeout <duration>', 'limit on any later silence (default 5m)')
    .option('--queue-timeout <duration>', 'limit on the wait for a worker (default 30m)')
    .option('--pause-timeout <duration>', 'limit on a pause (default 30m)')
    .addOption(new Option('--retry <policy>', 'run it again by itself?').choices(['safe', 'never', 'always']))
    .option('--max-attempts <n>', 'how often it is begun at most, with --retry always (default 3)')
    .option('--priority <n>', '0 (default) goes first, 1000 last')
    .option('--metadata <key=value>', 'kept with the job; may be repeated', collect)
    .addOption(
      new Option('--on-denial <what>', 'tools were not allowed: fail exits with 7').choices([
        'report',
        'fail',
      ]),
    )
    .addOption(
      new Option('--on-refusal <what>', 'the model refused (default fail)').choices(['report', 'fail']),
    )
    .addOption(
      new Option('--on-mcp-failure <what>', 'an MCP server cannot be reached').choices(['report', 'fail']),
    )
    .addOption(new Option('--on-disconnect <what>', 'once nobody listens').choices(['continue', 'cancel']))
    .option('--webhook <url>', 'told when the job has ended')
    .option('--traceparent <context>', 'what it is a part of, where jobs are traced (else TRACEPARENT)')
    .option('--detach', 'print the job id and leave')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print the events, one JSON object a line, and nothing else')
    .option('--quiet', 'print the answer and nothing else')
    .option('--plain', 'print the answer as it is written, without rendering its Markdown on a terminal')
    .addHelpText('after', HELP)
    .action(async (prompt: string | undefined, options: RunOptions) => {
      const { runPrompt } = await import('../run-prompt.ts');
      process.exitCode = await runPrompt(prompt, options);
    });
}
