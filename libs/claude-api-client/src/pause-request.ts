/** Asks one instance of claude-api to hold an execution, or to let it go on. */
import { ConnectError } from './connect.ts';
import { describeRefusal } from './http-refusal.ts';
import { openQuestions, type QuestionOptions } from './question.ts';
import { describeUnreachable } from './unreachable.ts';
import type { PauseAnswer } from './upstream-events.ts';

const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Tries once; never throws.
 * @param options.address the instance that has the execution
 * @param options.path of the execution, with `/pause` or `/resume`
 */
export async function requestPause(
  options: Omit<QuestionOptions, 'lookup'> & { address: string; path: string },
): Promise<PauseAnswer> {
  const { target, path, connectTimeoutMs: timeoutMs } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(timeoutMs + ANSWER_TIMEOUT_MS)]);
  const client = openQuestions({
    ...{ target, token: options.token, tenant: options.tenant, connectTimeoutMs: timeoutMs, signal },
    lookup: async () => [options.address],
  });
  try {
    const { statusCode: status, body } = await client.request({ method: 'POST', path, signal });
    const text = await body.text();
    if (status >= 200 && status < 300) return { ok: true };
    const { code, message } = describeRefusal({ status, retryAfter: undefined, body: text, now: 0 });
    return { ok: false, reason: message, retryable: code === 'upstream_busy' || status >= 500 };
  } catch (error) {
    const reason =
      error instanceof ConnectError
        ? describeUnreachable(target, error, timeoutMs).message
        : `claude-api does not answer: ${(error as Error).message}`;
    return { ok: false, reason, retryable: true };
  } finally {
    await client.destroy();
  }
}
