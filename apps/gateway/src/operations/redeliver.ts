/** Redeliver: sends the webhook of an ended job again, under the id that it had, whether it was taken before or not. */
import type { WebhookLog } from '@cc-executor/job-log';
import { ProtocolError } from '@cc-executor/protocol';
import type { TargetRules } from '@cc-executor/runtime/targets';
import type { Operation } from './operation.ts';

/** Errors: `webhooks_off`, `job_not_found`, `delivery_not_found`. */
export function createRedeliver({
  webhookLog,
  webhookTargets,
}: {
  webhookLog: WebhookLog;
  webhookTargets: TargetRules | undefined;
}): Operation<'redeliver'> {
  return async ({ tenant }, { jobId }) => {
    if (webhookTargets === undefined) throw new ProtocolError('webhooks_off');
    const delivery = await webhookLog.resend(tenant, jobId);
    if (delivery === 'missing') throw new ProtocolError('job_not_found');
    if (delivery === undefined) throw new ProtocolError('delivery_not_found');
    return { result: delivery };
  };
}
