/** Webhooks: what a job may ask for, what a receiver is sent, and how far the delivery has come. */
import { z } from 'zod';
import { jobIdSchema } from './ids.ts';
import { MAX_WEBHOOK_URL_LENGTH } from './limits.ts';
import { terminalTypes } from './statuses.ts';

const endings = z.enum(terminalTypes);

export const webhookSchema = z.strictObject({
  url: z
    .string()
    .max(MAX_WEBHOOK_URL_LENGTH)
    .refine(isPlainHttpUrl, { error: 'has to be an http or https URL without a user, password or fragment' }),
  /** Which endings are told; all where nothing is said. */
  events: z.array(endings).min(1).max(terminalTypes.length).optional(),
});

export type Webhook = z.infer<typeof webhookSchema>;

/** The body of a webhook: what has ended, how, and when. Whoever wants to know more asks for the job. */
export const webhookBodySchema = z.object({ type: endings, jobId: jobIdSchema, time: z.number().int() });

export type WebhookBody = z.infer<typeof webhookBodySchema>;

const time = z.number().int();

/** Only the origin of the URL is shown: the rest of it may be a secret. */
export const deliverySchema = z.object({
  /** As the header `webhook-id` has it, once the job has ended. */
  id: z.string().optional(),
  origin: z.string(),
  state: z.enum(['waiting', 'skipped', 'pending', 'delivered', 'failed']),
  attempts: z.number().int().nonnegative(),
  lastAt: time.optional(),
  /** Of the last answer. */
  lastStatus: z.number().int().optional(),
  /** Why there was no answer. */
  lastError: z.string().optional(),
  nextAt: time.optional(),
});

export type Delivery = z.infer<typeof deliverySchema>;

/** How long at most the secret of now signs beside a new one, in ms. */
const MAX_OVERLAP_MS = 30 * 24 * 60 * 60_000;

export const rotateWebhookSecretBodySchema = z
  .strictObject({ overlapMs: z.number().int().min(0).max(MAX_OVERLAP_MS).optional() })
  .optional();

const webhookSecretSchema = z.object({
  /** As libraries of Standard Webhooks take it. */
  secret: z.string(),
  /** It signs until then, in Unix ms; the newest ones have no end. */
  until: time.optional(),
});

export type WebhookSecret = z.infer<typeof webhookSecretSchema>;

/** The newest first. Each signs. */
export const webhookSecretsResultSchema = z.object({ secrets: z.array(webhookSecretSchema).min(1) });

function isPlainHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return ['http:', 'https:'].includes(protocol) && `${username}${password}${hash}` === '';
}
