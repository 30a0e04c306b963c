/**
 * One chaos run: a stack under a steady load of visitors while faults are injected, then calm, then the judgement of
 * the whole history. Everything that is decided by chance comes from the seed.
 */
import { sleep, within } from '@cc-executor/runtime';
import {
  checkHistory,
  describeViolations,
  type History,
  type HistoryRecorder,
  type LogLine,
  type Violation,
} from '@cc-executor/testing';
import { readStoredJobs } from '../faults/final-state.ts';
import { type FaultStack, HEARTBEAT_MS, LEASE_MS, startFaultStack } from '../faults/harness.ts';
import { type Baseline, findGrowth, findLeftovers, keys, readBaseline } from './baseline.ts';
import { planFaults } from './fault-plan.ts';
import { injectFaults, type World } from './injector.ts';
import { createRandom } from './random.ts';
import { openSlot, type Slot } from './slots.ts';
import { planVisit } from './visit-plan.ts';
import { payVisit } from './visitor.ts';

export type ChaosOptions = {
  seed: number;
  minutes: number;
  /** Visitors at a time. */
  visitors?: number;
  /** Takes a line now and then, and at the end what came out. */
  report: (line: string) => void;
};

export type ChaosResult = {
  history: History;
  violations: Violation[];
  /** What no history shows: processes that died by themselves, answers that are not allowed, growth. */
  problems: string[];
  faultsByKind: Record<string, number>;
  jobsByEnd: Record<string, number>;
  events: number;
  before: Baseline;
  after: Baseline;
  /** What the proxies did, all together. */
  network: { cuts: number; refused: number; droppedReplies: number };
  /** What the services logged, with who. */
  logs: ({ service: string } & LogLine)[];
};

/** As in the other fault tests, with room for a machine that has much else to do. */
export const BOUNDS = { terminalMs: 5 * LEASE_MS + 2 * HEARTBEAT_MS, upstreamMs: 2 * LEASE_MS };

const GATEWAYS = 2;
const WORKERS = 3;
const REPORT_MS = 10_000;
/** For visitors to see the end of their jobs, once faults are over. */
const FINISH_MS = 90_000;

/** Runs it; resolves with what was found. Rejects when the run itself could not be carried out. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const faults = await startFaultStack({ gateways: 0, workers: 0, appendonly: true });
  try {
    return await runOn(faults, options);
  } finally {
    await faults.close();
  }
}

async function runOn(
  faults: FaultStack,
  { seed, minutes, visitors = 8, report }: ChaosOptions,
): Promise<ChaosResult> {
  const totalMs = minutes * 60_000;
  const problems: string[] = [];
  const onProblem = (problem: string) => {
    problems.push(problem);
    report(`PROBLEM ${problem}`);
  };
  const env = { LOG_LEVEL: 'info' };
  const open = (name: string, start: FaultStack['startWorker']) =>
    openSlot({ name, start: () => start(env), onProblem });
  const gateways = await openAll(GATEWAYS, (i) => open(`gateway ${i}`, faults.startGateway));
  const workers = await openAll(WORKERS, (i) => open(`worker ${i}`, faults.startWorker));
  const { redis, proxies, upstream } = faults;
  const { recorder, counted } = countEvents(faults.recorder);
  const world: World = { gateways, workers, redis, proxies, recorder };

  const before = await readBaseline(world);
  const faultsByKind: Record<string, number> = {};
  const endsAt = performance.now() + totalMs;
  const tell = () => {
    const done = Object.values(faultsByKind).reduce((sum, n) => sum + n, 0);
    const leftS = Math.max(0, Math.round((endsAt - performance.now()) / 1_000));
    const [jobs, calls] = [recorder.jobIds().length, upstream.calls().length];
    report(
      `${leftS} s left: ${jobs} jobs, ${done} faults, ${counted.events} events, ${calls} upstream calls`,
    );
  };
  const reporting = setInterval(tell, REPORT_MS);

  async function beVisitor(index: number): Promise<void> {
    const random = createRandom(seed, `visitor ${index}`);
    for (let count = 0; performance.now() < endsAt; count += 1) {
      const visit = planVisit(random.fork(`plan ${count}`), `${seed}-${index}-${count}`);
      await payVisit(visit, random.fork(`way ${count}`), { gateways, recorder, onProblem });
      await sleep(visit.restMs);
    }
  }

  const visiting = Promise.all(Array.from({ length: visitors }, (_, i) => beVisitor(i)));
  const plan = planFaults({
    ...{ seed, totalMs, leaseMs: LEASE_MS, workers: WORKERS, gateways: GATEWAYS },
  });
  const injecting = injectFaults({
    ...{ world, plan, seed },
    onFault({ kind }) {
      faultsByKind[kind] = (faultsByKind[kind] ?? 0) + 1;
    },
  });
  try {
    await Promise.all([injecting, sleep(totalMs)]);
    if (!(await inTime(visiting))) onProblem('visitors still wait for the end of their jobs');
    const jobIds = await findJobs(world, upstream);
    if (!(await inTime(untilEnded(world, jobIds)))) onProblem('some jobs have not ended');
    if (!(await inTime(upstream.untilIdle()))) onProblem('upstream still runs');
    const leftovers = await findLeftovers(world, before);
    const after = await readBaseline(world);
    for (const grown of findGrowth(before, after)) onProblem(grown);
    const stored = await readStoredJobs(redis.admin, keys, jobIds);
    const history = recorder.finish({ calls: upstream.calls(), stored, leftovers });
    const logs = readLogs(faults);
    for (const line of logs) if (line.event === 'fault') onProblem(JSON.stringify(line));
    const violations = checkHistory(history, { bounds: BOUNDS });
    const jobsByEnd = countBy(stored.map(({ record }) => record?.status ?? 'never accepted'));
    const result: ChaosResult = {
      ...{ history, violations, problems, faultsByKind, jobsByEnd, events: counted.events },
      ...{ before, after, logs, network: countNetwork(world) },
    };
    report(describeResult(result));
    return result;
  } finally {
    clearInterval(reporting);
    for (const slot of [...gateways, ...workers]) slot.dismiss();
  }
}

/** What came out, for people. */
function describeResult(result: ChaosResult): string {
  const { history, violations, problems, before, after } = result;
  const counts = (table: Record<string, number>) =>
    Object.entries(table)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, n]) => `${name} ${n}`)
      .join(', ');
  const memory = Object.entries(after.memory).map(([name, mib]) => `${name} ${before.memory[name]}→${mib}`);
  const pausing = countBy(
    history.stored
      .flatMap(({ log }) => log.map((json) => (JSON.parse(json) as { type: string }).type))
      .filter((type) => ['paused', 'resumed', 'pause_refused'].includes(type)),
  );
  const ends = countBy(history.calls.map(({ endedBy }) => endedBy ?? 'running'));
  return [
    `jobs: ${history.stored.length} (${counts(result.jobsByEnd)})`,
    `faults: ${history.faults.length} (${counts(countBy(history.faults.map(({ name }) => kindOf(name))))})`,
    `attachments: ${history.attachments.length}, events seen: ${result.events}, cancels: ${history.cancels.length}`,
    `pauses: ${counts(pausing)}`,
    `upstream calls: ${history.calls.length} (${counts(ends)})`,
    `network: ${counts(result.network)}`,
    `memory in MiB: ${memory.join(', ')}`,
    ...problems.map((problem) => `PROBLEM ${problem}`),
    describeViolations(violations),
    violations.length + problems.length === 0 ? 'all invariants held' : 'NOT all invariants held',
  ]
    .filter((line) => line !== '')
    .join('\n');
}

async function openAll(count: number, start: (index: number) => Promise<Slot>): Promise<Slot[]> {
  const opened: Slot[] = [];
  for (let i = 0; i < count; i += 1) opened.push(await start(i));
  return opened;
}

/** Also jobs that were accepted without their client ever hearing of it. */
async function findJobs({ redis, recorder }: World, upstream: FaultStack['upstream']): Promise<string[]> {
  const listed = await redis.admin.zrange(keys.jobs('default'), '0', '-1');
  return [...new Set([...recorder.jobIds(), ...listed, ...upstream.calls().map(({ jobId }) => jobId)])];
}

async function untilEnded({ redis }: World, jobIds: string[]): Promise<void> {
  for (;;) {
    const states = await Promise.all(jobIds.map((jobId) => redis.admin.hget(keys.record(jobId), 'status')));
    if (!states.some((status) => status === 'queued' || status === 'running')) return;
    await sleep(500);
  }
}

/** The recorder, and how many events it has been told of: the history itself is only taken at the end. */
function countEvents(inner: HistoryRecorder): { recorder: HistoryRecorder; counted: { events: number } } {
  const counted = { events: 0 };
  const recorder: HistoryRecorder = {
    ...inner,
    attached(opened) {
      const attachment = inner.attached(opened);
      return {
        ...attachment,
        event(json) {
          counted.events += 1;
          attachment.event(json);
        },
      };
    },
  };
  return { recorder, counted };
}

/** Without its target: `worker SIGKILL` of `worker SIGKILL (worker 2)`. */
function kindOf(name: string): string {
  return name.replace(/ \(.*/, '');
}

function countNetwork({ proxies }: World): ChaosResult['network'] {
  const all = Object.values(proxies).map((proxy) => proxy.counters());
  const sum = (name: keyof ChaosResult['network']) => all.reduce((total, one) => total + one[name], 0);
  return { cuts: sum('cuts'), refused: sum('refused'), droppedReplies: sum('droppedReplies') };
}

function readLogs({ stack }: FaultStack): ChaosResult['logs'] {
  return [...stack.gateways, ...stack.workers]
    .flatMap((process) =>
      process.logs().map((line) => ({ service: `${process.name} ${process.pid}`, ...line })),
    )
    .sort((a, b) => timeOf(a) - timeOf(b));
}

function timeOf({ time }: LogLine): number {
  return typeof time === 'string' ? Date.parse(time) : 0;
}

function countBy(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

async function inTime(work: Promise<unknown>): Promise<boolean> {
  return within(
    work.then(() => true),
    FINISH_MS,
    { late: () => false },
  );
}
