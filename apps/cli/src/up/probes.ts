/** Asks a service whether it can do its work, and waits until it can. */
import { describeTrouble, kindOfTrouble } from '@cc-executor/fleet';
import { probeRedis } from '@cc-executor/redis';
import { sleep } from '@cc-executor/runtime';

/** By name; as GET /ready tells them. */
type Checks = Readonly<Record<string, { ok: boolean; detail?: string; data?: object }>>;

export type ProbeResult = {
  readonly ready: boolean;
  /** What is in the way, for people. */
  readonly detail: string;
  /** The checks of a /ready answer. */
  readonly checks?: Checks;
};

/** Rejects only where there is nothing to ask, for an address that cannot be read. */
export type Probe = () => Promise<ProbeResult>;

const ANSWER_MS = 3_000;
const INTERVAL_MS = 100;

/** The service was not ready in time. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
}

/** Probes GET /ready of an HTTP service. */
export function probeHttp(baseUrl: string): Probe {
  return async () => {
    try {
      const response = await fetch(`${baseUrl}/ready`, { signal: AbortSignal.timeout(ANSWER_MS) });
      return readAnswer(response.status, await response.text());
    } catch (error) {
      return { ready: false, detail: `no answer from ${baseUrl}/ready: ${describe(error)}` };
    }
  };
}

/** Probes a Redis. One that wants another login answers too, and so counts as there: the services tell of that. */
export function probeRedisServer(url: string): Probe {
  return async () => {
    const { ok, code, detail } = await probeRedis(url, { timeoutMs: ANSWER_MS, name: 'cc-executor:up' });
    if (ok || ['credentials', 'not_allowed'].includes(kindOfTrouble(code)))
      return { ready: true, detail: '' };
    return { ready: false, detail: describeTrouble(code, detail) };
  };
}

/**
 * Waits until a probe says ready.
 *
 * @param options.timeoutMs how long at most
 * @param options.tellEveryMs after each such time of waiting, `onWaiting` hears what is in the way
 * @throws NotReadyError with the last answer; AbortError as soon as `signal` is aborted
 */
export async function waitUntilReady(options: {
  probe: Probe;
  timeoutMs: number;
  signal: AbortSignal;
  tellEveryMs: number;
  onWaiting: (detail: string) => void;
}): Promise<ProbeResult> {
  const startedAt = performance.now();
  let tellAt = startedAt + options.tellEveryMs;
  while (true) {
    const result = await options.probe();
    options.signal.throwIfAborted();
    if (result.ready) return result;
    const now = performance.now();
    if (now - startedAt >= options.timeoutMs) throw new NotReadyError(result.detail);
    if (now >= tellAt) {
      tellAt = now + options.tellEveryMs;
      options.onWaiting(result.detail);
    }
    await sleep(INTERVAL_MS, options.signal);
  }
}

function readAnswer(status: number, text: string): ProbeResult {
  const checks = parseChecks(text);
  if (status === 200) return { ready: true, detail: '', ...(checks && { checks }) };
  const failed = Object.entries(checks ?? {}).filter(([, check]) => !check.ok);
  const detail = failed.map(([name, check]) => `${name}: ${check.detail ?? 'failed'}`).join('; ');
  return { ready: false, detail: detail === '' ? `HTTP ${status}: ${text.trim().slice(0, 300)}` : detail };
}

function parseChecks(text: string): Checks | undefined {
  try {
    return (JSON.parse(text) as { checks?: Checks }).checks;
  } catch {
    // Not one of ours, or a proxy in between: the text is shown as it is.
    return undefined;
  }
}

function describe(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error && cause.message !== '' ? cause.message : message;
}
