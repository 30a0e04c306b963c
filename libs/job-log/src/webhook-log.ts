/**
 * The webhook of a job, as its record has it. Nothing has to be written for an ending to be told: that it is to be, and
 * under which id, follows from the record, in which it stands with the terminal event.
 */
import {
  type Delivery,
  isTerminal,
  type JobStatus,
  type TerminalStatus,
  type Webhook,
} from '@cc-executor/protocol';
import type { Claim, NextLook } from './redis-sweep.ts';

/** How far a delivery has come. Times are Unix times in ms. */
export type Progress = {
  state: 'pending' | 'delivered' | 'failed';
  attempts: number;
  /** Attempts that failed since `since`. */
  failures: number;
  /** When the job ended, or somebody last asked for its webhook. */
  since: number;
  /** When it is to be sent, while it is pending. */
  nextAt: number;
  lastAt?: number;
  lastStatus?: number;
  lastError?: string;
};

export type StoredWebhook =
  | { is: 'waiting' | 'skipped'; url: string }
  | {
      is: 'ended';
      tenant: string;
      url: string;
      /** The same for each attempt: by it a receiver knows that it has been told before. */
      id: string;
      type: TerminalStatus;
      endedAt: number;
      progress: Progress;
      /** What `write` compares. */
      version: string;
    };

/** For whoever delivers webhooks. */
export type WebhookLog = {
  /** Claims up to `limit` jobs whose webhook may be due; they are due again after `holdMs` if nothing is done with them. */
  claim(limit: number, holdMs: number): Promise<Claim>;
  /** Ends the claim of these jobs, and says when each is due again, if at all. */
  reschedule(claim: Claim, looks: NextLook[]): Promise<void>;
  /** Undefined when there is no record, or it has no webhook. */
  read(jobId: string): Promise<StoredWebhook | undefined>;
  /** False when the progress is not what it was when it was read, or the record is gone. */
  write(jobId: string, version: string, progress: Progress): Promise<boolean>;
  /** Has the webhook of a tenant's ended job sent again, at once; undefined when it has none to be sent. */
  resend(tenant: string, jobId: string): Promise<'missing' | Delivery | undefined>;
};

/** The fields of a record that `webhookOf` needs. */
export const webhookFields = ['tenant', 'webhook', 'delivery', 'status', 'seq', 'endedAt'] as const;

type Fields = Partial<Record<(typeof webhookFields)[number], string | undefined>>;

export function webhookOf(jobId: string, record: Fields): StoredWebhook | undefined {
  const { tenant = '', webhook, delivery = '', status, seq, endedAt } = record;
  if (webhook === undefined) return undefined;
  const { url, events } = JSON.parse(webhook) as Webhook;
  const type = status as JobStatus;
  if (!isTerminal(type)) return { is: 'waiting', url };
  if (events !== undefined && !events.includes(type)) return { is: 'skipped', url };
  const since = Number(endedAt);
  const atFirst: Progress = { state: 'pending', attempts: 0, failures: 0, since, nextAt: since };
  return {
    ...{ is: 'ended', tenant, url, type, endedAt: since, version: delivery },
    id: `evt_${jobId.replace(/^job_/, '')}_${seq}`,
    progress: delivery === '' ? atFirst : (JSON.parse(delivery) as Progress),
  };
}

/** What clients see of it. */
export function deliveryOf(webhook: StoredWebhook): Delivery {
  const { origin } = new URL(webhook.url);
  if (webhook.is !== 'ended') return { origin, state: webhook.is, attempts: 0 };
  const { failures: _, since: __, nextAt, ...shown } = webhook.progress;
  return { id: webhook.id, origin, ...shown, ...(shown.state === 'pending' && { nextAt }) };
}
