/**
 * Bounds a wait, in time or by a signal. The work itself goes on; what becomes of it after that, a failure included,
 * is told to nobody.
 */
import { onAbort } from './on-abort.ts';

/** The time was over. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
  readonly code = 'TIMEOUT';

  constructor() {
    super('no answer in time');
  }
}

/**
 * Settles as the work does, if that is within the limit.
 *
 * @param limitMs from now on; `Infinity` is no limit
 * @param options.late gives the result, or throws the error, of a wait that was too long; by default it throws a
 *   `TimeoutError`
 * @param options.signal its reason is thrown as soon as it is aborted
 */
export async function within<T, L = never>(
  work: Promise<T>,
  limitMs: number,
  { late = throwTimeout, signal }: { late?: () => L; signal?: AbortSignal } = {},
): Promise<T | L> {
  const { promise: cut, resolve, reject } = Promise.withResolvers<L>();
  const onLate = () => resolve(Promise.try(late));
  const timer = limitMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(onLate, limitMs);
  const off = signal && onAbort(signal, () => reject(signal.reason));
  try {
    return await Promise.race([cut, work]);
  } finally {
    clearTimeout(timer);
    off?.();
  }
}

/** Settles as the work does, or throws the signal's reason as soon as it is aborted. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return within(work, Number.POSITIVE_INFINITY, { signal });
}

function throwTimeout(): never {
  throw new TimeoutError();
}
