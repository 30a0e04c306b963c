/** Whether the webhook that a job asks for can be sent at all; its name is resolved, and judged, only when it is. */
import { ProtocolError, type Webhook } from '@cc-executor/protocol';
import type { TargetRules } from '@cc-executor/runtime/targets';

/**
 * Errors: `webhooks_off`, `beyond_ceiling`.
 *
 * @param targets undefined where there is no secret to sign with
 */
export function refuseWebhook({ url }: Webhook, targets: TargetRules | undefined): void {
  if (targets === undefined) throw new ProtocolError('webhooks_off');
  const refusal = targets.findRefusal(new URL(url));
  if (refusal === undefined) return;
  const message = `Beyond what this gateway allows: webhook.url: ${refusal} (WEBHOOK_ALLOWED_TARGETS)`;
  throw new ProtocolError('beyond_ceiling', message);
}
