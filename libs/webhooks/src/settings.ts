/** What the operator of a gateway says about webhooks. */
import { durationMs, listOf, setting } from '@cc-executor/runtime';
import { isTargetRule } from '@cc-executor/runtime/targets';
import { z } from 'zod';
import { isWebhookSecret } from './signature.ts';

export const webhookSettings = {
  webhookSecrets: setting({
    env: 'WEBHOOK_SECRETS',
    schema: z
      .string()
      .transform((value) => value.split(/\s+/).filter((secret) => secret !== ''))
      .refine((secrets) => secrets.length > 0 && secrets.every(isWebhookSecret), {
        error: 'has a secret that is none',
      })
      .optional()
      .describe(
        'whsec_ and 24 to 64 bytes in base64; several such secrets with blanks or line ends between them',
      ),
    secret: true,
    description:
      'What webhooks are signed with, and receivers check them by, or, with AUTH_MODE=keys or jwt, of what each tenant has its own; the same for all gateways. Without it a job that asks for a webhook is refused. Each of several signs: so it can be changed.',
  }),
  webhookAllowedTargets: setting({
    env: 'WEBHOOK_ALLOWED_TARGETS',
    schema: listOf()
      .refine((rules) => rules.every(isTargetRule), { error: 'has something else in it' })
      .describe('addresses, ranges of them (10.0.0.0/8) and host names, separated by commas'),
    default: [],
    example: '10.20.0.0/16,hooks.internal',
    description:
      'Where webhooks may go besides https on public addresses: to these, also over http. A name stands for whatever address it has.',
  }),
  webhookTimeoutMs: setting({
    env: 'WEBHOOK_TIMEOUT_MS',
    schema: durationMs({ min: 100, max: 60_000 }),
    default: 10_000,
    description: 'How long a receiver of a webhook may take to answer.',
  }),
  webhookRetryMs: setting({
    env: 'WEBHOOK_RETRY_MS',
    schema: durationMs({ min: 10, max: 60 * 60_000 }),
    default: 5_000,
    description:
      'Until when a webhook that failed once is sent again, at a random moment; twice as long each time, an hour at most, for a day.',
  }),
};
