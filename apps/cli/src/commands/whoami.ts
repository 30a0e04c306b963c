/** `cc-executor whoami`: who this is for the gateway, and how much of each quota is taken. */
import type { Result } from '@cc-executor/protocol';
import type { Command } from 'commander';

type WhoamiOptions = { url?: string; json?: boolean };

export function registerWhoami(program: Command): void {
  program
    .command('whoami')
    .description('show who you are for the gateway: key, tenant, scopes, and how much of each quota is taken')
    .option('--url <url>', "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)")
    .option('--json', 'print it as one JSON object, with the ceilings')
    .action(async ({ url, json }: WhoamiOptions) => {
      const [{ withClient }, { harmlessOn }] = await Promise.all([
        import('../open-client.ts'),
        import('../harmless.ts'),
      ]);
      const me = await withClient(url, (client) => client.me());
      const words = [`${me.who}  tenant ${me.tenant}  ${me.scopes.join(', ')}`, ...me.quotas.map(describe)];
      const lines = json ? [JSON.stringify(me)] : words.map((line) => harmlessOn(process.stdout, line));
      process.stdout.write(`${lines.join('\n')}\n`);
    });
}

function describe({ of, name, limit, taken, resetsAt }: Result<'me'>['quotas'][number]): string {
  const reset = resetsAt === undefined ? '' : `, whole again at ${new Date(resetsAt).toISOString()}`;
  return `${name} of the ${of}: ${taken} of ${limit}${reset}`;
}
