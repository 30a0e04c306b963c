/** `cc-executor webhooks`: the secrets by which receivers check the webhooks of a tenant. */
import type { Command } from 'commander';
import { DAY_MS, readDuration } from '../read-duration.ts';

type Options = { url?: string; json?: boolean };
type RotateOptions = Options & { overlap: number };

const HELP = `
Examples:
  $ cc-executor webhooks secrets
  $ cc-executor webhooks rotate --overlap 7d

Each of the secrets signs every webhook. Give receivers the first, which is the newest, before the others end.
Where nobody is asked who they are there is none of one's own: receivers check by WEBHOOK_SECRETS of the gateways.`;

const URL_TEXT = "the gateway (else CC_EXECUTOR_URL, the profile's, ws://127.0.0.1:8003/ws)";

export function registerWebhooks(program: Command): void {
  const webhooks = program
    .command('webhooks')
    .description('show, and change, the secrets by which receivers check your webhooks')
    .addHelpText('after', HELP);
  webhooks
    .command('secrets')
    .description('print them, the newest first')
    .option('--url <url>', URL_TEXT)
    .option('--json', 'print them as one JSON object')
    .action(async ({ url, json }: Options) => {
      const { showSecrets } = await import('../webhook-secrets.ts');
      await showSecrets(url, json);
    });
  webhooks
    .command('rotate')
    .description('get another one; that of now signs, too, for a while')
    .option('--overlap <duration>', 'how long that is (7d, 12h, 0s)', readDuration, DAY_MS)
    .option('--url <url>', URL_TEXT)
    .option('--json', 'print them as one JSON object')
    .action(async ({ url, json, overlap }: RotateOptions) => {
      const { rotateSecret } = await import('../webhook-secrets.ts');
      await rotateSecret(url, overlap, json);
    });
}
