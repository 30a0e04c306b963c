/** What the checks share: how a violation looks, and within which bounds they judge. */

/** The invariants of docs/reliability; see `checkHistory` for what each means in a history. */
export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8' | 'I9' | 'I10';

export type Violation = { invariant: Invariant; jobId: string | undefined; detail: string };

export type Bounds = {
  /** How long a listener may wait for the terminal event, once faults and the job's upstream calls are over. */
  terminalMs: number;
  /** How long an upstream call may run on, once faults are over and the job has ended. */
  upstreamMs: number;
  /** How long an ended job can be read; without it, for as long as the history lasts. */
  retentionMs?: number;
};

export type CheckOptions = {
  bounds: Bounds;
  /** `calls` holds every call upstream; default true. Otherwise what only they can prove is not checked. */
  upstreamRecorded?: boolean;
};
