/** `cc-executor whoami`: who this is for the gateway. */
import type { Command } from 'commander';

type WhoamiOptions = { url?: string; json?: boolean };

export function registerWhoami(program: Command): void {
  program
    .command('whoami')
    .description('show who you are for the gateway: key, tenant, scopes')
    .option('--url <url>', 'the gateway (else CC_EXECUTOR_URL, else ws://127.0.0.1:8003/ws)')
    .option('--json', 'print it as one JSON object, with the ceilings')
    .action(async ({ url, json }: WhoamiOptions) => {
      const [{ withClient }, { harmlessOn }] = await Promise.all([
        import('../open-client.ts'),
        import('../harmless.ts'),
      ]);
      const me = await withClient(url, (client) => client.me());
      const words = `${me.who}  tenant ${me.tenant}  ${me.scopes.join(', ')}`;
      process.stdout.write(`${json ? JSON.stringify(me) : harmlessOn(process.stdout, words)}\n`);
    });
}
