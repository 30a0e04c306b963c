/** The services as an overview shows them: gateways and workers by their reports, claude-apis as workers see them. */
import { describeTrouble, isStale, type ServiceReport } from '@cc-executor/fleet';
import type { Result } from '@cc-executor/protocol';

type Described = Result<'overview'>['services'][number];

/** More are not named. */
const MAX_SERVICES = 200;

export function describeServices(reports: readonly ServiceReport[], now: number): Described[] {
  const upstreams = new Map<string, Described>();
  // What the newest report says stands.
  for (const report of [...reports].sort((a, b) => a.at - b.at)) {
    for (const described of describeUpstreams(report)) upstreams.set(described.id, described);
  }
  const own = reports.map((report) => describeReport(report, now));
  return [...own, ...[...upstreams.values()].sort((a, b) => a.id.localeCompare(b.id))].slice(0, MAX_SERVICES);
}

function describeReport(report: ServiceReport, now: number): Described {
  const { id, role, version, at, status, checks, system, connections, jobs, settings } = report;
  const failed = Object.entries(checks).filter(([, { ok }]) => !ok);
  return {
    ...{ id, role, version, at, host: system.host },
    status: isStale(report, now) ? 'silent' : status,
    troubles: failed.map(([name, { detail }]) => (detail === undefined ? name : `${name}: ${detail}`)),
    ...(connections !== undefined && { connections }),
    ...(jobs && { load: { ...jobs, limit: Number(settings.concurrency) || 0 } }),
  };
}

function describeUpstreams({ at, claudeApi }: ServiceReport): Described[] {
  return (claudeApi?.addresses ?? []).map(
    ({ address, code, version = '', status, detail, engine, system, load }) => {
      const troubles = [
        ...(code === undefined ? [] : [describeTrouble(code)]),
        ...(status !== 'ok' && detail !== undefined ? [detail] : []),
        ...(engine === 'demo' ? ['the demo engine: no Claude answers'] : []),
      ];
      return {
        ...{ id: `claude-api-${address}`, role: 'claude-api', version, at, troubles },
        host: system?.host ?? address,
        status: status === 'ok' || status === 'draining' ? status : 'unavailable',
        ...(load && { load: { running: load.running, waiting: load.paused, limit: load.limit } }),
      };
    },
  );
}
