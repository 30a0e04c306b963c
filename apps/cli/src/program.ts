/**
 * The command line as a whole: which commands there are, and how an error becomes a message and an exit code.
 * Commands load what they work with only when they run: `--help` and a mistyped option answer at once.
 */
import { readFileSync } from 'node:fs';
import { Command, CommanderError, Help } from 'commander';
import { registerAttach } from './commands/attach.ts';
import { registerBatch } from './commands/batch.ts';
import { registerBody } from './commands/body.ts';
import { registerCancel } from './commands/cancel.ts';
import { registerCompletion } from './commands/completion.ts';
import { registerConfig } from './commands/config.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerExplain } from './commands/explain.ts';
import { registerFiles } from './commands/files.ts';
import { registerGet } from './commands/get.ts';
import { registerJobs } from './commands/jobs.ts';
import { registerKeys } from './commands/keys.ts';
import { registerOverview } from './commands/overview.ts';
import { registerPause } from './commands/pause.ts';
import { registerRedeliver } from './commands/redeliver.ts';
import { registerRerun } from './commands/rerun.ts';
import { registerRun } from './commands/run.ts';
import { registerVerify } from './commands/verify.ts';
import { registerWebhooks } from './commands/webhooks.ts';
import { registerWhoami } from './commands/whoami.ts';
import { exitCodes } from './exit-codes.ts';
import { type GlobalOptions, takeGlobalOptions } from './global-options.ts';
import { registerUp } from './up/command.ts';

const HELP = `
Examples:
  $ cc-executor up                                  start everything on this machine
  $ cc-executor run "Explain this error: EPIPE"     ask, and read the answer as it comes
  $ git diff | cc-executor run                      the prompt from standard input
  $ cc-executor jobs --status running               what runs now
  $ cc-executor doctor                              what does not work, and what to do

Exit codes of run and attach: 0 completed, 1 failed, 2 wrong usage, 3 timed out, 4 cancelled,
5 the gateway cannot be reached, 7 tools were denied (with --on-denial fail), 130 left with Ctrl-C.
Of verify: 0 verified, 1 mismatch, 6 cannot be told.`;

/** From as many columns on the help has two, too. */
const WIDE = 70;

/** Runs one command and sets `process.exitCode`. Never rejects for an error that has a message for people. */
export async function runProgram(args: string[]): Promise<void> {
  // Somebody who stops reading (`| head`) is no error; who has to stop for it looks at its own writes.
  process.stdout.on('error', ignoreBrokenPipe);
  process.stderr.on('error', ignoreBrokenPipe);
  try {
    const program = createProgram();
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    process.exitCode = error instanceof CommanderError ? commanderExitCode(error) : await report(error);
  }
}

function createProgram(): Command {
  const program = new Command('cc-executor');
  program
    .description(
      'Runs Claude Code for other programs: every accepted job ends with exactly one terminal event.',
    )
    .version(readVersion(), '-V, --version')
    .option(
      '--token <token>',
      'who this is (else CC_EXECUTOR_TOKEN, which others on this machine cannot see)',
    )
    .option('--profile <name>', 'the profile of cc-executor config (else CC_EXECUTOR_PROFILE)')
    .option('--url <url>', 'the gateway, as the commands take it, too')
    .hook('preAction', (root, command) => {
      const { url, ...options } = root.opts<GlobalOptions & { url?: string }>();
      takeGlobalOptions(options);
      // Before a command or after it, commander gives it to the program.
      if (url !== undefined) command.setOptionValue('url', url);
    })
    .addHelpText('after', HELP)
    .showHelpAfterError('(--help shows what there is)')
    .configureHelp({ formatItem: formatHelpItem, minWidthToWrap: 20 })
    .exitOverride();
  for (const register of [
    registerRun,
    registerRerun,
    registerAttach,
    registerCancel,
    registerPause,
    registerGet,
    registerExplain,
    registerJobs,
    registerOverview,
    registerBatch,
    registerDoctor,
    registerBody,
    registerFiles,
    registerVerify,
    registerRedeliver,
    registerKeys,
    registerWebhooks,
    registerWhoami,
    registerConfig,
    registerCompletion,
    registerUp,
  ]) {
    register(program);
  }
  return program;
}

/** On a narrow terminal what an option does stands below it: beside it there is no room for words. */
function formatHelpItem(this: Help, term: string, termWidth: number, text: string, help: Help): string {
  // 0 of a terminal that does not say.
  const columns = help.helpWidth || WIDE;
  if (columns >= WIDE) return Help.prototype.formatItem.call(this, term, termWidth, text, help);
  const indent = ' '.repeat(6);
  return `  ${term}\n${help.boxWrap(text, columns - indent.length).replace(/^/gm, indent)}`;
}

/** As runtime's `version`, without loading the rest of it. */
function readVersion(): string {
  const manifest = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

/** Commander has written its message already; help that was asked for is no error. */
function commanderExitCode(error: CommanderError): number {
  return error.exitCode === 0 ? exitCodes.completed : exitCodes.usage;
}

async function report(error: unknown): Promise<number> {
  const { describeError } = await import('./describe-error.ts');
  const { message, exitCode } = describeError(error);
  process.stderr.write(`cc-executor: ${message}\n`);
  return exitCode;
}

function ignoreBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
}
