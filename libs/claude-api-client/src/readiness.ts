/** Asks claude-api whether it can run Claude: `GET /ready`, or `GET /health` of a service that has no other. */
import { ConnectError } from './connect.ts';
import { openQuestions, type QuestionOptions } from './question.ts';
import { describeUnreachable } from './unreachable.ts';

const ANSWER_TIMEOUT_MS = 5_000;

export type Readiness = {
  ok: boolean;
  detail: string;
  /** Of its answer; 401 also when only a call would be answered that. */
  statusCode?: number;
  /** Why there is none: the system's code, TIMEOUT, or NOT_HTTP. */
  code?: string;
  /** What it answered, if that was JSON. */
  body?: unknown;
};

/** Never throws: whatever goes wrong is in `detail`. */
export async function askReadiness(
  options: QuestionOptions & {
    /** On top of connecting, in ms. */
    answerTimeoutMs?: number;
  },
): Promise<Readiness> {
  const { target, token, connectTimeoutMs, lookup } = options;
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(connectTimeoutMs + answerTimeoutMs)]);
  const client = openQuestions({ target, token, connectTimeoutMs, lookup, signal });
  const base = target.pathname.replace(/\/$/, '');
  const get = async (path: string) => {
    const { headers, statusCode, body } = await client.request({ method: 'GET', path: base + path, signal });
    // Open to everybody, but it says so when a call would be refused.
    const isRefused = headers['www-authenticate'] !== undefined;
    return { path, statusCode: isRefused ? 401 : statusCode, text: await body.text() };
  };
  try {
    const ready = await get('/ready');
    const { path, statusCode, text } = ready.statusCode === 404 ? await get('/health') : ready;
    const body = parse(text);
    const ok = statusCode >= 200 && statusCode < 300;
    return { ok, detail: `${path} answers ${statusCode}`, statusCode, ...(body !== undefined && { body }) };
  } catch (error) {
    if (error instanceof ConnectError) {
      const { message } = describeUnreachable(target, error, connectTimeoutMs);
      return { ok: false, detail: message, code: error.attempts[0]?.code ?? 'UNKNOWN' };
    }
    return {
      ok: false,
      detail: `claude-api does not answer: ${(error as Error).message}`,
      code: codeOf(error as Error),
    };
  } finally {
    await client.destroy();
  }
}

function codeOf({ name, code }: Error & { code?: unknown }): string {
  if (name === 'TimeoutError') return 'TIMEOUT';
  if (name === 'HTTPParserError') return 'NOT_HTTP';
  return typeof code === 'string' ? code : name;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A service of the prototype may answer with plain text; its status is enough.
    return undefined;
  }
}
