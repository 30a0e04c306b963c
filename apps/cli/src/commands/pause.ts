/** `cc-executor pause` and `cc-executor resume`: have a job stand still, and go on. */
import type { Command } from 'commander';

const WHAT = {
  pause: { description: 'have a job stand still, with all that it runs', done: 'is to pause' },
  resume: { description: 'let a paused job go on', done: 'is to go on' },
} as const;

const NOTES = {
  pause: `A job that is queued is paused as soon as it runs. Its limits stand still meanwhile; a pause that is longer than
its own limit (run --pause-timeout, default 30m) ends the job as timed out.`,
  resume: 'Its limits count on from where they stood.',
};

export function registerPause(program: Command): void {
  register(program, 'pause');
  register(program, 'resume');
}

function register(program: Command, action: 'pause' | 'resume'): void {
  program
    .command(action)
    .description(WHAT[action].description)
    .argument('<job>', 'the job id, or how it begins')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .addHelpText('after', help(action))
    .action(async (text: string, options: { url?: string }) => {
      process.exitCode = await control(action, text, options.url);
    });
}

function help(action: 'pause' | 'resume'): string {
  return `
Example:
  $ cc-executor ${action} job_0123456789abcdef0123456789abcdef

${NOTES[action]} \`cc-executor attach\` shows when it is so.
Exit codes: 0 it was asked for, 1 the job had ended, 2 wrong usage, 5 no gateway.`;
}

async function control(action: 'pause' | 'resume', text: string, url: string | undefined): Promise<number> {
  const [{ withJob }, { exitCodes }] = await Promise.all([
    import('../resolve-job.ts'),
    import('../exit-codes.ts'),
  ]);
  return withJob(url, text, async (client, jobId) => {
    const { accepted, status } = await client[action](jobId);
    process.stdout.write(`${jobId} ${accepted ? WHAT[action].done : `had ended already: ${status}`}\n`);
    return accepted ? exitCodes.completed : exitCodes.failed;
  });
}
