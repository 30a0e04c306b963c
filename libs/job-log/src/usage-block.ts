/**
 * What all workers know of the credentials for the model whose usage limit is reached, as a whole or for one model: until when,
 * and who tries it then. Before its time nobody asks the model with it; afterwards one job does, and the others wait for
 * how that goes. A limit of one credential is none of another.
 */

/** `resetsAt` is Unix time in ms; `limit` is Claude Code's word for it, where there is one. */
export type UsageLimit = { resetsAt: number; limit?: string };

/**
 * One that stands; `model` is the only one that it holds up, a family such as `opus`. `credential` names whose it is, without
 * being it; it is missing for that of claude-api itself.
 */
export type StandingLimit = UsageLimit & { model?: string; credential?: string };

export type Admission = { code: 'open' | 'trial' | 'others_trial' } | ({ code: 'blocked' } & UsageLimit);

/** The credential that all instances of claude-api have. */
export const DEFAULT_CREDENTIAL = 'default';

/** In place of a model: the limit holds up all. */
export const ALL_MODELS = '';

/** A credential that is not named is the default one. */
export type UsageBlock = {
  /** Whether nothing holds up anybody, with any credential: then `admit` says `open` to every job. It changes nothing, and costs little. */
  isClear(): Promise<boolean>;
  /** Whether a job may ask this model now; one that gets `trial` says by `tried` or `block` how it went. */
  admit(jobId: string, model: string, credential?: string): Promise<Admission>;
  /** A usage limit of these models is reached, or of `ALL_MODELS`. Of several of one model the last one counts. */
  block(limit: UsageLimit, models: readonly string[], credential?: string): Promise<void>;
  /** The model answered this job's trial, which ends the blocks that it tried, or the trial told nothing. */
  tried(jobId: string, model: string, hasAnswered: boolean, credential?: string): Promise<void>;
  /** The limits that stand, also those that only wait for a trial, of 100 credentials at most; of each, that of all models first. */
  read(): Promise<StandingLimit[]>;
};

/** For so long a trial keeps others waiting, in ms: its worker may have died. */
export const TRIAL_MS = 30_000;
