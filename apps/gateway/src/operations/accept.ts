/**
 * Accept: record first, which may have to be on a replica of Redis too, then queue entry, then the answer. When the answer
 * is out, the job will have its one terminal event: a record without an entry is found by the queue check.
 */
import { createHash } from 'node:crypto';
import type { Grants } from '@cc-executor/claude-options';
import type { Identity } from '@cc-executor/identity';
import {
  type AcceptLog,
  type Ledger,
  type NewJob,
  QuotaExceededError,
  type Secrets,
  titleOf,
  type Vault,
} from '@cc-executor/job-log';
import {
  createEpoch,
  createJobId,
  DEFAULT_TIMEOUTS,
  type ExecuteParams,
  ProtocolError,
  type Result,
} from '@cc-executor/protocol';
import type { EntryNeed, EntryState, Producer } from '@cc-executor/queue';
import { RedisUnavailableError, type Replication, wasCutShort } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger } from '@cc-executor/runtime';
import type { TargetRules } from '@cc-executor/runtime/targets';
import type { GatewayMetrics } from '../metrics.ts';
import { accountsOf, chargesOf, refusalOf } from '../quotas/accounts.ts';
import { type HoldersOf, shareOf } from '../quotas/holders.ts';
import { type Ceilings, refuseBeyond, withinCeilings } from './ceilings.ts';
import { createCeilingsFor, findBeyond, withOwnDefaults } from './own-ceilings.ts';
import { refuseWebhook } from './webhook-target.ts';

/** A job that is gone between the look at its key and its creation, or a gateway that stood still, costs one more. */
const MAX_RESERVATIONS = 5;
const RETRY_MS = 1_000;

/** To Redis. */
export type AcceptConnection = {
  /** Whether jobs can be enqueued and listened to now: they may be accepted over another connection. */
  isReady(): boolean;
  /** Resolves when they can, and be accepted, or that takes too long. */
  untilReady(): Promise<unknown>;
  /** Records and queue entries go to one server over one connection: what is sent first takes effect first. */
  keepsOrder: boolean;
};

/** `rerunOf`: the job whose parameters these are, to be run once more. */
export type Accept = (
  identity: Identity,
  params: ExecuteParams,
  rerunOf?: string,
) => Promise<Result<'execute'>>;

/**
 * Makes the accept step.
 * Errors of the returned function: `beyond_ceiling`, `secrets_off`, `webhooks_off`, `idempotency_conflict`, `quota_exceeded`, `unavailable`; what Redis throws. Then nobody
 * knows whether the job is there: who repeats it with its idempotency key finds out.
 */
export function createAccept({
  acceptLog,
  replication,
  connection,
  producer,
  ceilings,
  holdersOf,
  ledger,
  grants,
  vault,
  webhookTargets,
  showTitles,
  metrics,
  logger,
}: {
  acceptLog: AcceptLog;
  /** Of the accept log's connection, when nothing is to be answered that only one server has. */
  replication: Replication | undefined;
  connection: AcceptConnection;
  producer: Pick<Producer, 'enqueue' | 'marks'>;
  ceilings: Ceilings;
  holdersOf: HoldersOf;
  ledger: Pick<Ledger, 'nextGone'>;
  grants: Grants;
  /** Undefined: there is no key, and no secrets are taken. */
  vault: Vault | undefined;
  /** Undefined: webhooks cannot be signed, and no job with one is taken. */
  webhookTargets: TargetRules | undefined;
  showTitles: boolean;
  metrics: Pick<GatewayMetrics, 'jobsAccepted'>;
  logger: Logger;
}): Accept {
  const ceilingsFor = createCeilingsFor(ceilings, holdersOf);
  const onUnreplicated = createRepeatedWarning(logger, 'no replica has the job: its execute is unavailable');

  /**
   * Creates a job, or finds the one that its idempotency key stands for. `onSent` is called when the record of a job that
   * nobody knew before is on its way.
   */
  async function create(
    job: NewJob,
    entrusted: Entrusted | undefined,
    key: { idempotencyKey: string; hashes: readonly [string, ...string[]] } | undefined,
    onSent: ((jobId: string) => void) | undefined,
  ) {
    const sent = (jobId: string) => onSent && (() => onSent(jobId));
    if (key === undefined) {
      const created = await acceptLog.create(seal(job, entrusted), sent(job.jobId));
      return { jobId: job.jobId, mark: undefined, ...created };
    }
    const { idempotencyKey, hashes } = key;
    for (let tries = 1; tries <= MAX_RESERVATIONS; tries += 1) {
      // Anew each time: one that was reserved before may have been created by others, and be gone.
      const newId = createJobId();
      const reservation = await acceptLog.reserve(job.tenant, idempotencyKey, newId, hashes[0]);
      if (!hashes.includes(reservation.hash)) throw new ProtocolError('idempotency_conflict');
      const { jobId } = reservation;
      const isNew = jobId === newId;
      // It may run and end between the look at its record and that at the queue.
      const [mark] = isNew ? [] : await producer.marks([jobId]);
      const onNew = isNew ? sent(jobId) : undefined;
      const created = await acceptLog.createReserved(seal({ ...job, jobId }, entrusted), reservation, onNew);
      if (created) return { jobId, mark, ...created };
    }
    throw new ProtocolError(
      'unavailable',
      'The idempotency key could not be used in time: repeat.',
      RETRY_MS,
    );
  }

  /** The same, to be answered: before it can run, because what a failover loses is repeated, and must not have run. */
  async function createForSure(...args: Parameters<typeof create>) {
    const replicated = replication?.begin();
    const accepted = await create(...args);
    await replicated?.().catch((err) => {
      onUnreplicated(err);
      throw err;
    });
    return accepted;
  }

  /**
   * Nobody waits for it: what is not confirmed is looked for. So is a job whose entry a worker has already: it may have found no
   * record, and is about to let the entry go.
   */
  function confirm(jobId: string, entry: EntryState): void {
    if (entry === 'taken' || entry === 'changed') return;
    acceptLog.enqueued(jobId).catch((err) => logger.debug({ err, jobId }, 'not confirmed as enqueued'));
  }

  /** Asks again when the connection broke within the replies. */
  function evenIfCut<T>(ask: () => Promise<T>): Promise<T> {
    return ask().catch(async (err) => {
      if (!wasCutShort(err)) throw err;
      await connection.untilReady();
      return ask();
    });
  }

  /** The record stands, so the job is accepted: the queue check enqueues what the queue does not know. */
  async function enqueue(need: EntryNeed): Promise<void> {
    const { jobId } = need;
    try {
      confirm(jobId, await evenIfCut(() => producer.enqueue(need)));
    } catch (err) {
      logger.warn({ err, jobId }, 'not enqueued yet');
    }
  }

  /** Behind its record, which is on its way; false when that has to be done once the record is known to stand: never before it. */
  async function enqueueBehind(need: EntryNeed): Promise<boolean> {
    try {
      confirm(need.jobId, await producer.enqueue(need));
      return true;
    } catch (err) {
      if (wasCutShort(err)) await connection.untilReady();
      return false;
    }
  }

  return async (identity, params, rerunOf) => {
    const { idempotencyKey, attach: _attach, batches: _batches, traceparent, ...asked } = params;
    const holders = holdersOf(identity);
    refuseBeyond(asked, ceilings, grants, findBeyond(asked, holders));
    if (asked.webhook) refuseWebhook(asked.webhook, webhookTargets);
    if (!connection.isReady()) throw new RedisUnavailableError('away', new Error('jobs cannot be enqueued'));
    const { env, attachments, ...open } = asked;
    const entrusted = entrust({ env, attachments }, vault);
    const spec = withinCeilings(withOwnDefaults(open, holders), ceilingsFor(identity));
    const now = Date.now();
    const accounts = accountsOf(holders, now);
    const charges = chargesOf(accounts, { ...asked, ...spec });
    const job: NewJob = {
      jobId: createJobId(),
      epoch: createEpoch(),
      tenant: identity.tenant,
      charges,
      spec,
      queueMs: spec.timeouts?.queueMs ?? DEFAULT_TIMEOUTS.queueMs,
      totalMs: spec.timeouts?.totalMs ?? DEFAULT_TIMEOUTS.totalMs,
      retry: spec.retry ?? 'safe',
      ...(showTitles && { title: titleOf(spec.prompt) }),
      ...(rerunOf !== undefined && { rerunOf }),
      ...(traceparent !== undefined && { traceparent }),
    };
    // By what was asked: a ceiling that has changed makes no other payload of the same request.
    const payload = { ...open, ...(rerunOf !== undefined && { rerunOf }) };
    const key =
      idempotencyKey === undefined ? undefined : { idempotencyKey, hashes: hashesOf(payload, entrusted) };
    const entries = new Map<string, Promise<boolean>>();
    const { priority = 0 } = spec;
    const needOf = (id: string) => ({ jobId: id, tenant: job.tenant, priority, share: shareOf(holders) });
    // Behind its record, in the same round trip. An entry without a record, should that be refused, does nothing; where it may be
    // because of a quota, again and again, there is to be none.
    const onSent =
      connection.keepsOrder && !replication && charges.length === 0
        ? (newId: string) => void entries.set(newId, enqueueBehind(needOf(newId)))
        : undefined;
    // Only here it may be repeated without a key, too: it is the same job.
    const accepted = await evenIfCut(() => createForSure(job, entrusted, key, onSent)).catch(
      async (error) => {
        if (!(error instanceof QuotaExceededError)) throw error;
        const nextGone = error.charge.settledBy === 'kept' ? await ledger.nextGone(job.tenant) : undefined;
        throw refusalOf(error, accounts, now, nextGone);
      },
    );
    const { jobId, created, epoch, status, mark } = accepted;
    // Also for a job that was there: whoever accepted it may have died before this line.
    if (status === 'queued' && !(await entries.get(jobId))) await enqueue({ ...needOf(jobId), mark });
    if (created) {
      metrics.jobsAccepted.inc();
      logger.info({ jobId }, 'job accepted');
    }
    return { jobId, epoch, status, created };
  };
}

/** What is not to stand in Redis as it is, and what seals it. */
type Entrusted = { secrets: Secrets; vault: Vault };

/** Undefined when there is nothing to be sealed. Errors: `secrets_off`. */
function entrust({ env = {}, attachments = [] }: Secrets, vault: Vault | undefined): Entrusted | undefined {
  const secrets = {
    ...(Object.keys(env).length > 0 && { env }),
    ...(attachments.length > 0 && { attachments }),
  };
  if (Object.keys(secrets).length === 0) return undefined;
  if (vault === undefined) throw new ProtocolError('secrets_off');
  return { secrets, vault };
}

/** The job with its secrets, which are sealed for it. */
function seal(job: NewJob, entrusted: Entrusted | undefined): NewJob {
  if (entrusted === undefined) return job;
  const { secrets, vault } = entrusted;
  return { ...job, spec: { ...job.spec, sealed: vault.seal(secrets, job.jobId) } };
}

/**
 * What tells payloads apart. A hash of short secrets tells them to whoever tries all: it is made of their fingerprint, of
 * which there is one by each key.
 */
function hashesOf(open: object, entrusted: Entrusted | undefined): readonly [string, ...string[]] {
  if (entrusted === undefined) return [hashOf(open)];
  const [first = '', ...others] = entrusted.vault.fingerprints(entrusted.secrets);
  const hashWith = (secrets: string) => hashOf({ ...open, secrets });
  return [hashWith(first), ...others.map(hashWith)];
}

function hashOf(payload: object): string {
  return createHash('sha256').update(canonicalJson(payload)).digest('hex');
}

/** JSON whose text does not depend on the order in which members were written. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    member !== null && typeof member === 'object' && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
