/**
 * Sends the webhooks of jobs that have ended. It runs in every gateway that has a secret to sign with; a claim gives each
 * job to one of them, and to another when that one dies. Invariants:
 *   - an ending that is to be told follows from the job's record: nobody has to remember it;
 *   - each attempt has the same id, and how it went is written before the claim ends: who dies in between sends once more;
 *   - a receiver that is slow, or one with many webhooks, takes the places of no other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Claim, NextLook, StoredWebhook, WebhookLog } from '@cc-executor/job-log';
import type { WebhookBody } from '@cc-executor/protocol';
import { isCurable } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger, logEvents } from '@cc-executor/runtime';
import type { Outcome, WebhookSender } from '@cc-executor/webhooks';
import type { GatewayMetrics } from '../metrics.ts';
import { createLanes } from './lanes.ts';
import { isDelivered, progressAfter } from './webhook-progress.ts';

export type Webhooks = {
  /** Breaks off what is being sent, and leaves it to other gateways. Idempotent. */
  close(): Promise<void>;
};

export type WebhooksOptions = {
  webhookLog: WebhookLog;
  sender: WebhookSender;
  /** What webhooks of a tenant are signed with. Errors: those of Redis. */
  secretsOf(tenant: string): Promise<readonly string[]>;
  /** How often to look for what is due, in ms. */
  intervalMs: number;
  /** Of one attempt, in ms. */
  timeoutMs: number;
  /** The longest wait after a first failure, in ms. */
  retryMs: number;
  retentionMs: number;
  metrics: Pick<GatewayMetrics, 'webhookAttempts' | 'webhooks'>;
  /** Makes an attempt to send a part of the job's trace; undefined: nothing is traced. */
  traceDelivery?: TraceDelivery | undefined;
  logger: Logger;
};

/** @param send one attempt, with what it is to be called in a trace */
export type TraceDelivery = (
  jobId: string,
  send: (traceparent: string | undefined) => Promise<Outcome>,
) => Promise<Outcome>;

const CLAIM_LIMIT = 200;
const LANES = { atOnce: 64, perLane: 8, maxWaiting: 250 };
/** A job that others should have said had ended, should they have died, is looked at this often, in ms. */
const NOT_ENDED_MS = 60_000;
/** Where too many wait for one receiver, the others come back after so long at most, in ms. */
const CROWDED_MS = 10_000;
/** A job whose record cannot be read is looked at this often, in ms: an operator may have put it right. */
const FAULTY_MS = 60_000;

type Ended = Extract<StoredWebhook, { is: 'ended' }>;
type Held = { claim: Claim; now(): number };

export function startWebhooks(options: WebhooksOptions): Webhooks {
  const { webhookLog, sender, intervalMs, timeoutMs, retryMs, retentionMs, metrics, logger } = options;
  const onFailed = createRepeatedWarning(logger, 'webhooks cannot be looked for; it is tried again');
  const lanes = createLanes(LANES);
  const closing = new AbortController();
  // An attempt, and as long again before it begins and after it.
  const holdMs = 3 * timeoutMs;

  async function sendDue(): Promise<void> {
    let mayBeMore = true;
    while (mayBeMore && !closing.signal.aborted) {
      const askedAt = performance.now();
      const claim = await webhookLog.claim(CLAIM_LIMIT, holdMs);
      const held = { claim, now: () => Math.ceil(claim.at + performance.now() - askedAt) };
      const looks = claim.jobIds.map((jobId) => look(jobId, held).catch((err) => setAside(jobId, held, err)));
      await webhookLog.reschedule(claim, (await Promise.all(looks)).flat());
      mayBeMore = claim.jobIds.length === CLAIM_LIMIT;
    }
  }

  function setAside(jobId: string, { now }: Held, err: unknown): NextLook[] {
    if (isCurable(err)) throw err;
    logger.error({ event: logEvents.redisRefused, err, jobId }, 'the webhook of a job cannot be read');
    return [{ jobId, at: now() + FAULTY_MS }];
  }

  /** Says when the job is due again; nothing while its webhook is being sent. */
  async function look(jobId: string, held: Held): Promise<NextLook[]> {
    const webhook = await webhookLog.read(jobId);
    if (webhook === undefined) {
      metrics.webhooks.inc({ result: 'expired' });
      return [{ jobId, at: undefined }];
    }
    if (webhook.is === 'waiting') return [{ jobId, at: held.now() + NOT_ENDED_MS }];
    if (webhook.is !== 'ended' || webhook.progress.state !== 'pending') return [{ jobId, at: undefined }];
    const { nextAt } = webhook.progress;
    if (nextAt > held.now()) return [{ jobId, at: nextAt }];
    const isTaken = lanes.offer(new URL(webhook.url).host, () =>
      deliver(jobId, webhook, held).catch((err) =>
        logger.warn({ err, jobId }, 'a webhook is left to the next look'),
      ),
    );
    return isTaken ? [] : [{ jobId, at: held.now() + Math.ceil(Math.random() * CROWDED_MS) }];
  }

  async function deliver(jobId: string, webhook: Ended, { claim, now }: Held): Promise<void> {
    // It waited for its turn for so long that another gateway may have it before it is over.
    if (now() + timeoutMs > claim.heldUntil) return;
    const outcome = await send(jobId, webhook, now());
    if (outcome === undefined) return webhookLog.reschedule(claim, [{ jobId, at: now() }]);
    const readableUntil = webhook.endedAt + retentionMs;
    const progress = progressAfter(webhook.progress, outcome, { now: now(), baseMs: retryMs, readableUntil });
    count(outcome);
    const isKept = await webhookLog.write(jobId, webhook.version, progress);
    // Somebody asked for it once more meanwhile, or the record is gone: it is looked at again.
    const at = isKept ? (progress.state === 'pending' ? progress.nextAt : undefined) : now();
    await webhookLog.reschedule(claim, [{ jobId, at }]);
    if (!isKept || progress.state === 'pending') return;
    metrics.webhooks.inc({ result: progress.state });
    if (progress.state === 'failed') {
      const { attempts, lastStatus, lastError } = progress;
      const event = logEvents.webhookFailed;
      logger.warn({ event, jobId, attempts, lastStatus, lastError }, 'a webhook is given up');
    }
  }

  /** Undefined when it was broken off. */
  async function send(jobId: string, { tenant, id, url, type, endedAt }: Ended, at: number) {
    const body: WebhookBody = { type, jobId, time: endedAt };
    const secrets = await options.secretsOf(tenant);
    const message = { id, url, body: JSON.stringify(body), at, secrets };
    const attempt = (traceparent?: string) => sender.send({ ...message, traceparent }, closing.signal);
    try {
      return await (options.traceDelivery?.(jobId, attempt) ?? attempt());
    } catch (error) {
      if (closing.signal.aborted) return undefined;
      throw error;
    }
  }

  function count(outcome: Outcome): void {
    const refused = 'status' in outcome ? 'refused' : 'unreachable';
    metrics.webhookAttempts.inc({ outcome: isDelivered(outcome) ? 'delivered' : refused });
  }

  async function run(): Promise<void> {
    // Not at once: a gateway that starts has no Redis yet.
    const untilNext = () => sleep(intervalMs, undefined, { ref: false, signal: closing.signal });
    for (;;) {
      await untilNext().catch(() => undefined);
      if (closing.signal.aborted) return;
      await sendDue().catch(onFailed);
    }
  }

  const running = run();
  return {
    async close() {
      closing.abort();
      await running;
      await lanes.close();
    },
  };
}
