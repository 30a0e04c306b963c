/** What goes by HTTP alone, files and batches, is asked for at the gateway whose WebSocket the other commands use. */
import { ClientError, type ErrorCode } from '@cc-executor/client';
import { readUrl, tokenOptions } from './config.ts';

/**
 * Asks; the path begins behind `/v1/`.
 * Errors: `UsageError` for an invalid address, `ClientError` (`connect_failed`, and what the gateway says).
 */
export async function askHttpDoor(
  urlOption: string | undefined,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  const address = readUrl(urlOption);
  const url = new URL(address);
  url.protocol = url.protocol.replace('ws', 'http');
  const base = url.href.replace(/\/(?:ws)?$/, '');
  const { token } = tokenOptions(address);
  const headers = new Headers(init.headers);
  let response: Response;
  try {
    if (token !== undefined) headers.set('authorization', `Bearer ${token()}`);
    response = await fetch(`${base}/v1/${path}`, { ...init, headers });
  } catch (error) {
    const { cause, message } = error as Error;
    const why = cause instanceof Error ? cause.message : message;
    throw new ClientError('connect_failed', `The gateway at ${base} cannot be reached: ${why}`);
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as { code?: ErrorCode; detail?: string };
  const {
    code = 'protocol_violation',
    detail = `It answered ${response.status}, and not as a gateway does.`,
  } = problem;
  throw new ClientError(code, detail);
}
