/** Sending webhooks: what is signed, where it may go, one attempt, and when the next one is. */
export { retryDelay } from './retry.ts';
export { createWebhookSender, type Outcome, type WebhookSender } from './sender.ts';
export { tenantSecrets } from './tenant-secrets.ts';
