/**
 * What all workers know of a credential for the model whose usage limit is reached, as a whole or for one model: until when,
 * and who tries it then. Before its time nobody asks the model with it; afterwards one job does, and the others wait for
 * how that goes.
 */

/** `resetsAt` is Unix time in ms; `limit` is Claude Code's word for it, where there is one. */
export type UsageLimit = { resetsAt: number; limit?: string };

/** One that stands; `model` is the only one that it holds up, a family such as `opus`. */
export type StandingLimit = UsageLimit & { model?: string };

export type Admission = { code: 'open' | 'trial' | 'others_trial' } | ({ code: 'blocked' } & UsageLimit);

/** In place of a model: the limit holds up all. */
export const ALL_MODELS = '';

export type UsageBlock = {
  /** Whether nothing holds up anybody: then `admit` says `open` to every job. It changes nothing, and costs little. */
  isClear(): Promise<boolean>;
  /** Whether a job may ask this model now; one that gets `trial` says by `tried` or `block` how it went. */
  admit(jobId: string, model: string): Promise<Admission>;
  /** A usage limit of these models is reached, or of `ALL_MODELS`. Of several of one model the last one counts. */
  block(limit: UsageLimit, models: readonly string[]): Promise<void>;
  /** The model answered this job's trial, which ends the blocks that it tried, or the trial told nothing. */
  tried(jobId: string, model: string, hasAnswered: boolean): Promise<void>;
  /** The limits that stand, also those that only wait for a trial; that of all models first. */
  read(): Promise<StandingLimit[]>;
};

/** For so long a trial keeps others waiting, in ms: its worker may have died. */
export const TRIAL_MS = 30_000;
