/**
 * What all workers know of a credential for the model whose usage limit is reached: until when, and who tries it then.
 * Before its time nobody asks the model with it; afterwards one job does, and the others wait for how that goes.
 */

/** `resetsAt` is Unix time in ms; `limit` is Claude Code's word for it, where there is one. */
export type UsageLimit = { resetsAt: number; limit?: string };

export type Admission = { code: 'open' | 'trial' | 'others_trial' } | ({ code: 'blocked' } & UsageLimit);

export type UsageBlock = {
  /** Whether a job may ask the model now; one that gets `trial` says by `tried` or `block` how it went. */
  admit(jobId: string): Promise<Admission>;
  /** A usage limit is reached. Of several the last one counts. */
  block(limit: UsageLimit): Promise<void>;
  /** The model answered this job's trial, which ends the block, or the trial told nothing. */
  tried(jobId: string, hasAnswered: boolean): Promise<void>;
  /** The block that stands, also when it only waits for a trial. */
  read(): Promise<UsageLimit | undefined>;
};

/** For so long a trial keeps others waiting, in ms: its worker may have died. */
export const TRIAL_MS = 30_000;
