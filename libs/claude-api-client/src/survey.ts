/** Looks at every address of claude-api: which there are, which answer, and with what. Plain data, no credentials. */
import { isIP } from 'node:net';
import { within } from '@cc-executor/runtime';
import { type Lookup, throwConnectTimeout } from './connect.ts';
import { askReadiness, type Readiness } from './readiness.ts';

export type UpstreamSurvey = {
  url: string;
  /** The system's code when the name does not resolve. */
  nameCode?: string;
  addresses: SurveyedAddress[];
};

export type SurveyedAddress = {
  address: string;
  latencyMs: number;
  /** Why there is no answer. */
  code?: string;
  statusCode?: number;
  /** From its body, where that says so. */
  service?: string;
  version?: string;
  status?: string;
  /** Of its engine: what runs, and whether it can. */
  detail?: string;
  engine?: string;
  /** How many executions it has, and may have. */
  load?: unknown;
  system?: unknown;
};

/** Never throws. @param timeoutMs for the name and all addresses together */
export async function surveyAddresses(options: {
  target: URL;
  token: string | undefined;
  timeoutMs: number;
  lookup: Lookup;
  signal: AbortSignal;
}): Promise<UpstreamSurvey> {
  const { target, token, timeoutMs, lookup, signal } = options;
  const url = `${target.protocol}//${target.host}${target.pathname.replace(/\/$/, '')}`;
  const endAt = performance.now() + timeoutMs;
  const hostname = target.hostname.replace(/^\[|\]$/g, '');
  try {
    const inTime = { signal, late: throwConnectTimeout };
    const found = isIP(hostname) ? [hostname] : await within(lookup(hostname), timeoutMs, inTime);
    const addresses = await Promise.all(
      [...new Set(found)].sort().map(async (address) => {
        const from = performance.now();
        const leftMs = Math.max(Math.ceil(endAt - from), 1);
        const answer = await askReadiness({
          target,
          token,
          connectTimeoutMs: leftMs,
          answerTimeoutMs: 0,
          lookup: async () => [address],
          signal,
        });
        return { address, latencyMs: Math.round((performance.now() - from) * 10) / 10, ...summarise(answer) };
      }),
    );
    return { url, ...(addresses.length === 0 && { nameCode: 'ENODATA' }), addresses };
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { url, nameCode: code ?? message, addresses: [] };
  }
}

function summarise({ code, statusCode, body }: Readiness): Partial<SurveyedAddress> {
  const answer = record(body);
  const engineCheck = record(record(answer.checks).engine);
  return {
    ...(code !== undefined && { code }),
    ...(statusCode !== undefined && { statusCode }),
    ...texts({
      service: answer.service,
      version: answer.version,
      status: answer.status,
      detail: engineCheck.detail,
      engine: record(engineCheck.data).engine,
    }),
    ...(record(engineCheck.data).load !== undefined && { load: record(engineCheck.data).load }),
    ...(answer.system !== undefined && { system: answer.system }),
  };
}

function texts(members: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
