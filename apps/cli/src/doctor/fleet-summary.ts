/** What only all of them together show: are there workers, do versions and settings agree. Pure. */
import { isStale, type ServiceReport, type ServicesAnswer } from '@cc-executor/fleet';
import { formatTime } from '../format.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** `queue` is undefined when nobody could be asked. */
export function judgeWorkers(
  services: readonly ServiceReport[],
  now: number,
  queue: ServicesAnswer['queue'],
): Finding {
  const workers = services.filter((one) => one.role === 'worker' && !isStale(one, now));
  const waiting = queue?.waiting ?? 0;
  const jobs = `${waiting} ${waiting === 1 ? 'job waits' : 'jobs wait'}`;
  if (workers.length === 0) {
    return fail(
      'queue → worker',
      waiting > 0 ? `${jobs} and no worker is alive` : 'no worker is alive: what is accepted now will wait',
      'Start one: `docker compose up -d worker`. One that runs but is not seen here has another REDIS_URL or REDIS_KEY_PREFIX.',
    );
  }
  const slots = workers.reduce((sum, { settings }) => sum + (Number(settings.concurrency) || 0), 0);
  // Taken, and in no slot: paused, or waiting for another try.
  const held = workers.reduce((sum, { jobs: of }) => sum + (of?.waiting ?? 0), 0);
  // A worker tells it now and then; the queue is as it is now.
  const running = Math.max((queue?.active ?? 0) - held, 0);
  const runs = `${running} ${running === 1 ? 'job runs' : 'jobs run'}`;
  const seen = held > 0 ? `${runs}, ${held} taken wait without a slot` : runs;
  const summary = `${count(workers.length, 'worker')} with ${slots} slots; ${queue ? `${seen}, ${jobs}` : 'the queue was not looked at'}`;
  const ready = workers.filter(({ status }) => status === 'ok').length;
  if (ready === 0) {
    return fail('queue → worker', `${summary}; none of them is ready`, 'See what each of them lacks, above.');
  }
  if (queue && waiting > 0 && running >= slots) {
    return warn(
      'queue → worker',
      summary,
      'All slots are taken: `docker compose up -d --scale worker=N`, and claude-api with it.',
    );
  }
  return ok('queue → worker', summary);
}

/** Of a credential for the model whose usage limit is reached. `now` is Redis's time. */
export function judgeUsage(
  { resetsAt, limit, model, credential }: NonNullable<ServicesAnswer['usageLimits']>[number],
  now: number,
): Finding {
  const what = `the usage limit${limit === undefined ? '' : ` "${limit}"`} is reached${credential === undefined ? '' : `, of a tenant's own credential (${credential})`}`;
  if (resetsAt <= now)
    return ok('model', `${what}, and should be lifted by now: one job tries, the others wait`);
  return warn(
    'model',
    `${what}: no job asks ${model === undefined ? 'the model' : `the model ${model}`} before ${formatTime(resetsAt)}; those that have the time wait as queued`,
    credential === undefined
      ? 'Wait, or give claude-api another login and `redis-cli DEL cce:{usage-block}:default` (with your REDIS_KEY_PREFIX).'
      : 'Wait, or give the tenant another credential: jobs of other credentials go on.',
  );
}

/** `mine` is the version of this command. */
export function judgeVersions(
  services: readonly ServiceReport[],
  others: Record<string, string>,
  mine: string,
): Finding {
  const holders = new Map<string, Set<string>>();
  const note = (version: string, who: string) =>
    holders.set(version, (holders.get(version) ?? new Set()).add(who));
  note(mine, 'this command');
  for (const [who, version] of Object.entries(others)) note(version, who);
  for (const { id, version, claudeApi } of services) {
    note(version, id);
    for (const { version: upstream, service } of claudeApi?.addresses ?? []) {
      if (service === 'claude-api' && upstream !== undefined) note(upstream, 'claude-api');
    }
  }
  if (holders.size === 1) return ok('versions', `all have ${mine}`);
  const words = [...holders].map(([version, who]) => `${version}: ${[...who].join(', ')}`).join('; ');
  return warn('versions', words, 'Bring all to one version: `docker compose pull` or `build`, then `up -d`.');
}

const SHARED = { leaseMs: 'JOB_LEASE_MS', retentionMs: 'JOB_RETENTION_MS', everyMs: 'SERVICE_REPORT_MS' };

/** Settings that must be the same everywhere. */
export function judgeSettings(services: readonly ServiceReport[]): Finding[] {
  const findings = Object.entries(SHARED).flatMap(([key, variable]) => {
    const values = new Map<string, string[]>();
    for (const report of services) {
      const value = String(key === 'everyMs' ? report.everyMs : report.settings[key]);
      values.set(value, [...(values.get(value) ?? []), report.id]);
    }
    if (values.size <= 1) return [];
    const words = [...values].map(([value, ids]) => `${value}: ${ids.join(', ')}`).join('; ');
    return [
      warn(
        'settings',
        `${variable} differs: ${words}`,
        `Give all gateways and workers the same ${variable}.`,
      ),
    ];
  });
  return findings.length > 0 || services.length < 2
    ? findings
    : [ok('settings', 'gateways and workers agree')];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
