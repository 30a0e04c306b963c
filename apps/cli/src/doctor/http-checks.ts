/** A pair over HTTP, step by step: name, each address, port, whose service it is, readiness. */
import { isIP } from 'node:net';
import { describeTrouble } from '@cc-executor/fleet';
import { adviseOn, adviseOnKind, DRAINING_ADVICE, type Target } from './advice.ts';
import { type Finding, fail, type Level, ok, warn } from './finding.ts';
import { get, type HttpAnswer, hostOf, resolveName } from './network.ts';

export type HttpCheck = {
  findings: Finding[];
  /** Answers to /ready of the addresses where the right service stands. */
  answers: HttpAnswer[];
  /** An address where it does. */
  address: string | undefined;
};

const STEP_MS = 3_000;

/** @param base where /health and /ready are, without a slash at its end */
export async function checkHttp(options: {
  subject: string;
  base: URL;
  target: Target;
  /** What its /health calls itself. */
  service: string;
}): Promise<HttpCheck> {
  const { subject, base, target } = options;
  const host = hostOf(base);
  const from = performance.now();
  const { addresses, code } = await resolveName(host, STEP_MS);
  const latencyMs = Math.round((performance.now() - from) * 10) / 10;
  if (code !== undefined) {
    const finding = fail(subject, `${host}: ${describeTrouble(code)}`, adviseOn(code, target));
    return { findings: [finding], answers: [], address: undefined };
  }
  const checks = await Promise.all(addresses.map((address) => checkAddress(address, options)));
  const works = checks.some(({ answer }) => answer?.statusCode === 200);
  const findings = checks.map(({ finding }) =>
    works && finding.level === 'fail' ? { ...finding, level: lenient(host) } : finding,
  );
  return {
    // An address needs no name.
    findings: isIP(host)
      ? findings
      : [ok(subject, `name ${host}: ${addresses.join(', ')}`, latencyMs), ...findings],
    answers: checks.flatMap(({ answer }) => (answer === undefined ? [] : [answer])),
    address: checks.find(({ answer }) => answer !== undefined)?.address,
  };
}

async function checkAddress(
  address: string,
  { subject, base, target, service }: { subject: string; base: URL; target: Target; service: string },
): Promise<{ address: string; finding: Finding; answer?: HttpAnswer }> {
  const place = `${address} port ${base.port || (base.protocol === 'https:' ? 443 : 80)}`;
  const health = await get(below(base, '/health'), address, STEP_MS);
  if (health.code !== undefined) {
    const message = `${place}: ${describeTrouble(health.code)}`;
    return { address, finding: fail(subject, message, adviseOn(health.code, target)) };
  }
  if (health.body?.service !== service) {
    return { address, finding: describeStranger(subject, place, health, target) };
  }
  const ready = await get(below(base, '/ready'), address, STEP_MS);
  return { address, finding: judgeReady(subject, place, ready, target), answer: ready };
}

export function below(base: URL, path: string): URL {
  return new URL(base.pathname.replace(/\/$/, '') + path, base);
}

function describeStranger(subject: string, place: string, answer: HttpAnswer, target: Target): Finding {
  const { statusCode = 0, body } = answer;
  if (statusCode === 401 || statusCode === 403) {
    return fail(
      subject,
      `${place}: something in front of ${target} wants a login (HTTP ${statusCode})`,
      'Give the address of the service itself, or let this machine through at the proxy.',
    );
  }
  if ([502, 503, 504].includes(statusCode)) {
    return fail(
      subject,
      `${place}: a proxy answers (HTTP ${statusCode}), but no ${target} behind it is ready`,
      `\`docker compose ps ${target}\`, \`docker compose logs ${target}\`.`,
    );
  }
  const who = typeof body?.service === 'string' ? `it is ${body.service}` : `HTTP ${statusCode} to /health`;
  return fail(
    subject,
    `${place}: something else answers there, no ${target} (${who})`,
    adviseOnKind('not_ours', target),
  );
}

function judgeReady(subject: string, place: string, ready: HttpAnswer, target: Target): Finding {
  if (ready.code !== undefined) {
    return fail(subject, `${place}: /ready: ${describeTrouble(ready.code)}`, adviseOn(ready.code, target));
  }
  const { statusCode, body, latencyMs } = ready;
  const version = typeof body?.version === 'string' ? ` ${body.version}` : '';
  if (statusCode === 200)
    return ok(subject, `${place}: ${target}${version} is ready${engineOf(body)}`, latencyMs);
  if (body?.status === 'draining') return warn(subject, `${place}: it is draining`, DRAINING_ADVICE);
  const reasons = failedChecks(body);
  const message = `${place}: ${target}${version} is up, but not ready`;
  return reasons === ''
    ? fail(
        subject,
        `${message}, and why is not told here`,
        `\`docker compose exec ${target} cc-executor doctor\`.`,
      )
    : fail(
        subject,
        `${message}: ${reasons}`,
        `The lines below say more, or \`docker compose logs ${target}\`.`,
      );
}

function failedChecks(body: Record<string, unknown> | undefined): string {
  const checks = Object.entries((body?.checks ?? {}) as Record<string, { ok?: boolean; detail?: string }>);
  const failed = checks.filter(([, check]) => check.ok !== true);
  return failed.map(([name, { detail }]) => `${name}: ${detail ?? 'failed'}`).join('; ');
}

function engineOf(body: Record<string, unknown> | undefined): string {
  const detail = (body?.checks as { engine?: { detail?: string } } | undefined)?.engine?.detail;
  return detail === undefined ? '' : `, ${detail}`;
}

/** Where another address works. `localhost` is ::1 and 127.0.0.1, and few listen on both: that is no fault at all. */
function lenient(host: string): Level {
  return host === 'localhost' || host.endsWith('.localhost') ? 'skip' : 'warn';
}
