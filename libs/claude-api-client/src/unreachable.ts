/** Says why claude-api cannot be reached in a way that helps: which name, which address, from where, what to try. */
import { hostname } from 'node:os';
import type { ConnectError } from './connect.ts';
import type { UpstreamFailure } from './upstream-events.ts';

/** The failure for a call that could not be sent. */
export function describeUnreachable(target: URL, error: ConnectError, timeoutMs: number): UpstreamFailure {
  const port = target.port || (target.protocol === 'https:' ? '443' : '80');
  const details = error.attempts.map(({ address, code }) =>
    address === undefined
      ? describeName(target.hostname, code)
      : `${address} port ${port}: ${describeAddress(code, timeoutMs)}`,
  );
  const [first] = error.attempts;
  const hint = hintFor(first?.address === undefined, first?.code ?? '');
  return {
    status: 'failed',
    code: 'upstream_unreachable',
    message:
      `claude-api (${target.protocol}//${target.host}) cannot be reached from host ${hostname()}: ` +
      `${details.join('; ')}. ${hint}`,
    sent: false,
  };
}

function describeName(name: string, code: string): string {
  if (code === 'ENOTFOUND' || code === 'ENODATA') return `the name ${name} is not known (${code})`;
  if (code === 'EAI_AGAIN') return `the name service does not answer for ${name} (${code})`;
  return `the name ${name} could not be resolved (${code})`;
}

function describeAddress(code: string, timeoutMs: number): string {
  if (code === 'ECONNREFUSED') return 'connection refused (ECONNREFUSED)';
  if (code === 'CONNECT_TIMEOUT') return `no answer in time (limit ${timeoutMs} ms)`;
  return `no connection (${code})`;
}

function hintFor(isName: boolean, code: string): string {
  if (isName)
    return 'Is the service up and on the same network as this host, and CLAUDE_API_URL spelt right?';
  if (code === 'ECONNREFUSED') {
    return 'The host answers but nothing listens there: is the service started, on this port, and not on 127.0.0.1 of its own container only?';
  }
  return 'Is there a route, and no firewall between the two? `cc-executor doctor` tests each pair of services.';
}
