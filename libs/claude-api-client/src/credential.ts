/** Asks claude-api by what name the credential is known with which it would ask the model for a tenant. */
import { openQuestions, type QuestionOptions } from './question.ts';

const ANSWER_TIMEOUT_MS = 12_000;

/**
 * Never rejects.
 *
 * @returns null: the service's own, also where the service knows no other; undefined: it cannot be told now
 */
export async function askCredential(options: QuestionOptions): Promise<string | null | undefined> {
  const { target } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]);
  const client = openQuestions({ ...options, signal });
  try {
    const path = `${target.pathname.replace(/\/$/, '')}/credential`;
    const { statusCode, body } = await client.request({ method: 'GET', path, signal });
    const text = await body.text();
    if (statusCode === 404) return null;
    return statusCode === 200 ? readName(text) : undefined;
  } catch {
    // Whoever asks for an execution is told more.
    return undefined;
  } finally {
    await client.destroy();
  }
}

/** Another service may answer anything. */
function readName(text: string): string | null {
  try {
    const { credential } = JSON.parse(text) as { credential?: unknown };
    return typeof credential === 'string' ? credential : null;
  } catch {
    return null;
  }
}
