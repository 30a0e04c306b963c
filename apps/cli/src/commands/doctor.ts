/** `cc-executor doctor`: which of the services that must talk cannot, and why. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Place } from '../doctor/settings.ts';

type DoctorCommandOptions = { url?: string; as?: Place; run?: boolean; timeout: number; json?: boolean };

const HELP = `
Examples:
  $ cc-executor doctor                                   from any machine that reaches the gateway
  $ cc-executor doctor --run                             also run a tiny job, and wait for its end
  $ docker compose exec worker cc-executor doctor        what a worker's container sees
  $ cc-executor doctor --json | jq '.findings[] | select(.level == "fail")'

It looks at what can be reached from where it runs: the gateway, and through it what every gateway and worker
says of its own connections; in a container also Redis and claude-api themselves (REDIS_URL, CLAUDE_API_URL).
Exit codes: 0 nothing failed (there may be warnings), 1 something failed, 2 wrong usage.`;

export function registerDoctor(program: Command): void {
  program
    .command('doctor')
    .description('check every pair of services that must talk, and say what to do')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .addOption(
      new Option('--as <place>', 'whose view to take (else told by the variables that are set)').choices([
        'client',
        'gateway',
        'worker',
        'claude-api',
        'dashboard',
      ]),
    )
    .option('--run', 'prove it by work: run a tiny job')
    .option('--timeout <seconds>', 'how long that job may take', readSeconds, 120)
    .option('--json', 'print everything as one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ timeout, json, ...options }: DoctorCommandOptions) => {
      const [{ diagnose }, { countLevels, renderDiagnosis }, { colorsFor }] = await Promise.all([
        import('../doctor/diagnosis.ts'),
        import('../doctor/report.ts'),
        import('../colors.ts'),
      ]);
      const diagnosis = await diagnose({ ...options, timeoutMs: timeout * 1_000 });
      const counts = countLevels(diagnosis.findings);
      process.stdout.write(
        json
          ? `${JSON.stringify({ ok: counts.fail === 0, counts, ...diagnosis })}\n`
          : renderDiagnosis(diagnosis, colorsFor(process.stdout)),
      );
      process.exitCode = counts.fail === 0 ? 0 : 1;
    });
}

function readSeconds(text: string): number {
  const seconds = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (seconds >= 1) return seconds;
  throw new InvalidArgumentError('Expected a whole number of seconds.');
}
