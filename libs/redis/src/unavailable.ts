/**
 * The one error that callers of the job log and of signals meet: Redis did not do what was asked. Whether a write happened is
 * unknown then; every write may be repeated.
 */
export class RedisUnavailableError extends Error {
  readonly code = 'redis_unavailable';

  constructor(cause: unknown) {
    super(`Redis did not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'RedisUnavailableError';
  }
}

/** Rejects with `RedisUnavailableError` instead of what the driver throws, whose classes and words vary. */
export async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new RedisUnavailableError(error);
  }
}
