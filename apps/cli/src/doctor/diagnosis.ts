/** All checks that make sense where the doctor runs, and their findings in the order in which things depend on another. */
import { hostname } from 'node:os';
import type { ServiceReport, ServicesAnswer } from '@cc-executor/fleet';
import { describeSystem, version } from '@cc-executor/runtime';
import { readUrl } from '../config.ts';
import { type Finding, fail, ok, skip } from './finding.ts';
import { judgeReport } from './fleet-checks.ts';
import { judgeSettings, judgeUsage, judgeVersions, judgeWorkers } from './fleet-summary.ts';
import { checkGateway, type GatewayCheck } from './gateway-checks.ts';
import { checkHttp } from './http-checks.ts';
import { runJob } from './job-check.ts';
import { judgeMachine } from './machine-checks.ts';
import { checkRedis } from './redis-checks.ts';
import { judgeDurability, judgeSoftware } from './redis-view.ts';
import { type DoctorSettings, guessPlace, type Place, readSettings } from './settings.ts';

export type DoctorOptions = { url?: string; as?: Place; run?: boolean; timeoutMs: number };

export type Diagnosis = { version: string; host: string; place: Place; findings: Finding[] };

/** Errors: `UsageError` for an invalid address. */
export async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const { settings, faults } = readSettings();
  const place = options.as ?? guessPlace(settings);
  const url = gatewayUrl(options, settings, place);
  const { redisUrl, keyPrefix = 'cce' } = settings;
  const me = place === 'client' ? 'here' : `${place} (here)`;
  const [gateway, redis, own, upstream] = await Promise.all([
    url === undefined ? undefined : checkGateway(url),
    redisUrl === undefined ? undefined : checkRedis(`${me} → redis`, redisUrl, keyPrefix),
    checkOwnService(place, settings),
    checkUpstream(me, settings),
  ]);
  const fleet = gateway?.services ?? fromRedis(redis);
  const findings = [
    ...faults.map((fault) =>
      fail('configuration', fault, 'Correct the variable; docs/configuration.md lists them all.'),
    ),
    ...(faults.length === 0 ? [ok('configuration', 'the variables set here are valid')] : []),
    ...judgeMachine('here', describeSystem()),
    ...(gateway?.findings ?? [skip('client → gateway', `not looked at from a ${place}; --url does`)]),
    ...(redis?.findings ?? []),
    ...own,
    ...upstream,
    ...(fleet === undefined ? [] : judgeFleet(fleet, gateway?.versions ?? {}, redis === undefined)),
    ...(await proveByWork(url, gateway, options)),
  ];
  return { version, host: hostname(), place, findings };
}

function gatewayUrl({ url }: DoctorOptions, settings: DoctorSettings, place: Place): string | undefined {
  if (url !== undefined) return readUrl(url);
  if (settings.url !== undefined) return readUrl(settings.url);
  if (place === 'client') return readUrl(undefined);
  if (place !== 'gateway') return undefined;
  return readUrl(`ws://${reachable(settings.gatewayHost)}:${settings.gatewayPort ?? 8003}/ws`);
}

/** Where this container itself is reached when it listens on `host`. */
function reachable(host = '127.0.0.1'): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  if (host === '::') return '[::1]';
  return host.includes(':') ? `[${host}]` : host;
}

async function checkOwnService(place: Place, settings: DoctorSettings): Promise<Finding[]> {
  if (place !== 'worker' && place !== 'claude-api') return [];
  const port = place === 'worker' ? (settings.workerHealthPort ?? 8002) : (settings.claudeApiPort ?? 8000);
  const base = new URL(`http://127.0.0.1:${port}`);
  const { findings } = await checkHttp({
    subject: `${place} (here)`,
    base,
    target: place,
    service: place,
  });
  return findings.slice(-1);
}

async function checkUpstream(me: string, { claudeApiUrl }: DoctorSettings): Promise<Finding[]> {
  if (claudeApiUrl === undefined) return [];
  const base = new URL(claudeApiUrl);
  const options = {
    subject: `${me} → claude-api`,
    base,
    target: 'claude-api',
    service: 'claude-api',
  } as const;
  return (await checkHttp(options)).findings;
}

/** In a container without the gateway's view: what is written down in Redis. */
function fromRedis(
  redis: Awaited<ReturnType<typeof checkRedis>> | undefined,
): Omit<ServicesAnswer, 'self'> | undefined {
  return redis?.services && { now: redis.now, services: redis.services };
}

function judgeFleet(
  answer: Omit<ServicesAnswer, 'self'> & { self?: ServiceReport },
  versions: Record<string, string>,
  isRedisUnseen: boolean,
): Finding[] {
  const { now, self, services, queue, usageLimits = [] } = answer;
  const all = [...(self ? [self] : []), ...(services ?? []).filter(({ id }) => id !== self?.id)];
  return [
    ...all.flatMap((report) => judgeReport(report, now)),
    ...(services === undefined
      ? [skip('gateways, workers', 'what they see is not known: the gateway cannot ask Redis')]
      : [judgeWorkers(services, now, queue), ...judgeSettings(all)]),
    ...usageLimits.map((limit) => judgeUsage(limit, now)),
    ...(self?.redis.ok && isRedisUnseen ? [...judgeSoftware(self.redis), judgeDurability(self.redis)] : []),
    judgeVersions(all, versions, version),
  ];
}

async function proveByWork(
  url: string | undefined,
  gateway: GatewayCheck | undefined,
  { run, timeoutMs }: DoctorOptions,
): Promise<Finding[]> {
  if (!run) return [];
  if (url === undefined || gateway?.isConnected !== true) {
    return [skip('client → … → claude-api', 'no job was run: the gateway cannot be reached from here')];
  }
  return [await runJob(url, timeoutMs)];
}
