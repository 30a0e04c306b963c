/** What gateways and workers say of themselves and those they talk to, judged. Pure. */
import { describeTrouble, isStale, type ServiceReport, type UpstreamAddress } from '@cc-executor/fleet';
import { adviseOn, adviseOnKind, DRAINING_ADVICE } from './advice.ts';
import { judgeClock } from './clock.ts';
import { type Finding, fail, ok, warn } from './finding.ts';
import { judgeMachine } from './machine-checks.ts';
import { judgeRedis } from './redis-view.ts';

/** `now` is Redis's time. */
export function judgeReport(report: ServiceReport, now: number): Finding[] {
  const { id, role, redis, claudeApi, status, settings } = report;
  if (isStale(report, now)) {
    const seconds = Math.round((now - report.at) / 1_000);
    return [
      fail(
        `${id} → redis`,
        `${role} ${report.version} was last seen ${seconds} s ago: it is dead, stands still or cannot reach Redis`,
        `\`docker compose ps ${role}\`, \`docker compose logs ${role}\`; \`docker compose exec ${role} cc-executor doctor\` shows what it sees. If it was taken away on purpose, this line goes 5 minutes after that.`,
      ),
    ];
  }
  const clock = redis.clockOffsetMs ?? 0;
  return [
    ...judgeRedis(`${id} → redis`, redis, Number(settings.redisFullPercent) || undefined),
    ...(claudeApi === undefined ? [] : judgeUpstream(`${id} → claude-api`, claudeApi)),
    ...(status === 'draining' ? [warn(id, `${role} is draining`, DRAINING_ADVICE)] : []),
    ...judgeOwnChecks(report),
    ...[judgeClock(`${id}, redis`, clock, 'Redis'), ...judgeMachine(id, report.system)].filter(isTrouble),
  ];
}

/** Of every address of claude-api as one worker sees it. */
export function judgeUpstream(
  subject: string,
  { url, nameCode, addresses }: NonNullable<ServiceReport['claudeApi']>,
): Finding[] {
  if (nameCode !== undefined) {
    const message = `claude-api at ${url}: ${describeTrouble(nameCode)}`;
    return [fail(subject, message, adviseOn(nameCode, 'claude-api'))];
  }
  const findings = addresses.map((address) => judgeAddress(subject, url, address));
  return addresses.flatMap((address, index) => [
    ...soften(findings).slice(index, index + 1),
    ...(address.system
      ? judgeMachine(`claude-api at ${address.address}`, address.system).filter(isTrouble)
      : []),
  ]);
}

function judgeAddress(subject: string, url: string, one: UpstreamAddress): Finding {
  const where = `${url} (${one.address})`;
  const { code, statusCode = 0, service, version, detail, status } = one;
  if (code !== undefined) {
    return fail(subject, `${where}: ${describeTrouble(code)}`, adviseOn(code, 'claude-api'));
  }
  const isReady = statusCode >= 200 && statusCode < 300;
  if (service !== undefined ? service !== 'claude-api' : !isReady) {
    const who = service === undefined ? `HTTP ${statusCode}` : `it is ${service}`;
    return fail(
      subject,
      `${where}: something else answers there, no claude-api (${who})`,
      adviseOnKind('not_ours', 'claude-api'),
    );
  }
  if (statusCode === 401) {
    return fail(
      subject,
      `${where}: it wants another token than the worker has (HTTP 401)`,
      'Give both the same CLAUDE_API_TOKEN (or CLAUDE_API_TOKEN_FILE), and start them anew.',
    );
  }
  if (status === 'draining') return warn(subject, `${where}: it is draining`, DRAINING_ADVICE);
  if (!isReady) {
    return fail(
      subject,
      `${where}: it is up, but not ready: ${detail ?? `HTTP ${statusCode}`}`,
      'Do what it says; then `docker compose restart claude-api`.',
    );
  }
  if (one.engine === 'demo') {
    return warn(
      subject,
      `${where}: the DEMO engine answers; no model is asked`,
      'Install Claude Code where claude-api runs (CLAUDE_BIN, or the build argument of its image), unless a demo is wanted.',
    );
  }
  const what =
    service === undefined
      ? 'it answers, without saying that it is claude-api'
      : `claude-api ${version ?? ''}`;
  return ok(subject, `${where}: ${what.trim()}${detail === undefined ? '' : `, ${detail}`}`, one.latencyMs);
}

/** What the two pairs do not cover: the take-loop, the subscriber. */
function judgeOwnChecks({ id, role, checks, redis }: ServiceReport): Finding[] {
  // Without Redis, nothing that works through it does.
  if (!redis.ok) return [];
  return Object.entries(checks)
    .filter(([name, check]) => !check.ok && name !== 'redis' && name !== 'claudeApi')
    .map(([name, { detail = 'it does not work' }]) =>
      fail(
        id,
        `its check "${name}" fails: ${detail}`,
        `\`docker compose logs ${role}\`; a restart of it loses no job.`,
      ),
    );
}

/** Where another address works, a dead one is skipped: no more than a warning. */
function soften(findings: readonly Finding[]): Finding[] {
  const works = findings.some(({ level }) => level !== 'fail');
  return findings.map((finding) =>
    works && finding.level === 'fail' ? { ...finding, level: 'warn' } : finding,
  );
}

function isTrouble({ level }: Finding): boolean {
  return level !== 'ok';
}
