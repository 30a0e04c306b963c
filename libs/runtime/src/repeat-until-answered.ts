/** Repeats a call until it is answered: for what must be done, whatever happens, and may be done twice. */
import { backoffDelay, sleep } from './backoff.ts';

/** Short at first, so that a blink costs little; then long enough not to burden whoever is coming back. */
const BASE_MS = 50;
const MAX_MS = 1_000;

/**
 * Resolves with the answer. It never gives up by itself, and waits up to 1 s between two calls.
 *
 * @param call may be repeated: when it rejects, nobody knows whether it did its work
 * @param options.isCurable whether waiting may cure an error; one that it cannot cure is thrown at once, as it is.
 *   By default all are waited out
 * @param options.onUnanswered hears of every error that is waited out; see `createRepeatedWarning`
 */
export async function repeatUntilAnswered<T>(
  call: () => Promise<T>,
  {
    isCurable = () => true,
    onUnanswered,
  }: { isCurable?: (error: unknown) => boolean; onUnanswered: (error: unknown) => void },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isCurable(error)) throw error;
      onUnanswered(error);
    }
    await sleep(backoffDelay({ attempt, baseMs: BASE_MS, maxMs: MAX_MS }));
  }
}
