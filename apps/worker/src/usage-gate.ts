/**
 * Keeps an attempt from asking the model while a usage limit of its credential is known to be reached, and lets all workers know
 * what it learns. After the reset one job tries, and the others wait in their slots for how that goes: it takes until the
 * model's first word.
 */
import type { ClaudeApiClient, UpstreamFailure, UpstreamOutcome } from '@cc-executor/claude-api-client';
import { DEFAULT_CREDENTIAL, type UsageBlock } from '@cc-executor/job-log';
import { isCurable } from '@cc-executor/redis';
import { createRepeatedWarning, type Logger, repeatUntilAnswered, sleep } from '@cc-executor/runtime';
import { familyOf, scopesOf } from './usage-scope.ts';
import { blockedUntil } from './usage-wait.ts';

/** How often to look whether another job's trial is over, in ms. */
const LOOK_MS = 250;

export type UsageGate = {
  /** Resolves when the model may be asked, or when `signal` aborts; with a failure when a limit is reached. */
  enter(): Promise<UpstreamFailure | undefined>;
  /** claude-api has begun with this credential of the tenant's own, or with the service's. */
  began(credential: string | undefined): void;
  /** Claude Code says which model it uses. */
  uses(model: string | undefined): void;
  /** The model answered. */
  answered(): void;
  /** Takes note of how a call ended that was let in. */
  leave(outcome: UpstreamOutcome): Promise<void>;
};

export function createUsageGate({
  usageBlock,
  claudeApi,
  tenant,
  isClear,
  jobId,
  model,
  signal,
  logger,
}: {
  usageBlock: UsageBlock;
  /** Knows the credential of a tenant. Asked only while there are limits. */
  claudeApi: Pick<ClaudeApiClient, 'credential'>;
  tenant: string;
  /** No limit was known a moment ago: the first call need not ask. */
  isClear: boolean;
  jobId: string;
  /** The one that the job names, if it does. */
  model: string | undefined;
  signal: AbortSignal;
  logger: Logger;
}): UsageGate {
  const onUnanswered = createRepeatedWarning(logger, 'redis did not answer; it is asked again');
  const family = familyOf(model);
  let mayEnter = isClear;
  let used: string | undefined;
  let isTrial = false;
  /** With which it was let in, and with which it was begun. */
  let [credential, begun]: (string | undefined)[] = [];

  /** Errors: what waiting cannot cure, and any once the attempt is to stop. */
  function ask<T>(call: () => Promise<T>): Promise<T> {
    return repeatUntilAnswered(call, {
      isCurable: (err) => isCurable(err) && !signal.aborted,
      onUnanswered,
    });
  }

  async function enter(): Promise<UpstreamFailure | undefined> {
    if (mayEnter) {
      mayEnter = false;
      return undefined;
    }
    try {
      const found = await claudeApi.credential(tenant, signal);
      // The call will say why.
      if (found === undefined) return undefined;
      credential = found ?? DEFAULT_CREDENTIAL;
      for (;;) {
        const admission = await ask(() => usageBlock.admit(jobId, family, credential));
        if (admission.code === 'blocked') return failureOf(admission);
        isTrial = admission.code === 'trial';
        if (admission.code !== 'others_trial') return undefined;
        await sleep(LOOK_MS, signal);
      }
    } catch (err) {
      if (signal.aborted) return undefined;
      throw err;
    }
  }

  function answered(): void {
    if (isTrial) void endTrial(true).catch(onUnanswered);
  }

  async function endTrial(hasAnswered: boolean): Promise<void> {
    isTrial = false;
    await ask(() => usageBlock.tried(jobId, family, hasAnswered, credential));
  }

  async function leave(outcome: UpstreamOutcome): Promise<void> {
    const until = outcome.status === 'failed' ? blockedUntil(outcome, Date.now()) : undefined;
    const { limit } = outcome.status === 'failed' ? outcome : {};
    if (until !== undefined) {
      const models = scopesOf(limit, model, used);
      const reached = { resetsAt: until, ...(limit !== undefined && { limit }) };
      logger.warn(
        { until, limit, models, credential: begun },
        'a usage limit is reached: nothing asks the model until then',
      );
      await ask(() => usageBlock.block(reached, models, begun));
    }
    // Of what it tried besides, if anything, it has learned nothing.
    if (isTrial) await endTrial(outcome.status === 'completed');
  }

  return {
    enter,
    began(own) {
      begun = own;
    },
    uses(model) {
      used = model;
    },
    answered,
    // A job that is to stop does not wait for Redis to hear of its trial: that ends by itself.
    leave: (outcome) => leave(outcome).catch((err) => (signal.aborted ? undefined : Promise.reject(err))),
  };
}

function failureOf({ resetsAt, limit }: { resetsAt: number; limit?: string }): UpstreamFailure {
  const message = `The usage limit${limit === undefined ? '' : ` "${limit}"`} is reached; the model was not asked`;
  return {
    ...{ status: 'failed', code: 'claude_usage_limit', message, sent: false, resetsAt },
    ...(limit !== undefined && { limit }),
  };
}
