/**
 * The one error of a job log that its callers meet: Redis did not do what was asked. Whether a write happened is
 * unknown then; every write may be repeated.
 */
export class LogUnavailableError extends Error {
  readonly code = 'log_unavailable';

  constructor(cause: unknown) {
    super(`the job log did not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'LogUnavailableError';
  }
}

/** Rejects with `LogUnavailableError` instead of what the driver throws, whose classes and words vary. */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new LogUnavailableError(error);
  }
}
