/** `cc-executor overview`: how all of it is, for operators. */
import { type Command, InvalidArgumentError } from 'commander';

type OverviewOptions = { minutes: number; url?: string; json?: boolean };

const MOST_MINUTES = 1_440;

const HELP = `
Examples:
  $ cc-executor overview
  $ cc-executor overview --minutes 1440 --json | jq .queue

The jobs of all tenants count: where the gateway asks who you are, the token needs the scope admin.`;

export function registerOverview(program: Command): void {
  program
    .command('overview')
    .description('show how all of it is: what waits and runs, how jobs ended, what they cost, who is there')
    .option('--minutes <n>', 'look back so far', readMinutes, 60)
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print it as one JSON object')
    .addHelpText('after', HELP)
    .action(async ({ minutes, url, json }: OverviewOptions) => {
      const [{ withClient }, { describeOverview }, { colorsFor }, { wrapFor }] = await Promise.all([
        import('../open-client.ts'),
        import('../describe-overview.ts'),
        import('../colors.ts'),
        import('../wrap.ts'),
      ]);
      const { stdout } = process;
      const overview = await withClient(url, (client) => client.overview({ minutes }));
      stdout.write(
        json
          ? `${JSON.stringify(overview)}\n`
          : wrapFor(stdout, describeOverview(overview, colorsFor(stdout))),
      );
    });
}

function readMinutes(text: string): number {
  const minutes = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (minutes >= 1 && minutes <= MOST_MINUTES) return minutes;
  throw new InvalidArgumentError(`Expected a whole number from 1 to ${MOST_MINUTES}.`);
}
