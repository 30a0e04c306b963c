/**
 * Runs a set of services as child processes: starts them rank by rank, waits until all are ready, keeps them
 * running, and stops them in order. Knows nothing of what they are.
 */
import { setMaxListeners } from 'node:events';
import { exitCodes } from '@cc-executor/runtime';
import { NotReadyError, type Probe, type ProbeResult, waitUntilReady } from './probes.ts';
import type { Reporter } from './reporter.ts';
import type { RestartLimits } from './restart-policy.ts';
import {
  type Death,
  type ProcessSpec,
  type SupervisedProcess,
  superviseProcess,
} from './supervised-process.ts';
import { UpError } from './up-error.ts';

export type Service = {
  readonly process: ProcessSpec;
  readonly probe: Probe;
  /** Services of a rank start together, when all of lower ranks are ready. */
  readonly startRank: number;
  /** Services of a rank stop together, when all of lower ranks are dead. */
  readonly stopRank: number;
  /** Added to the report of a restart. */
  readonly restartNote?: string;
};

export type StackOptions = {
  readonly services: readonly Service[];
  readonly reporter: Reporter;
  readonly readyTimeoutMs: number;
  /** Aborted: stop in order, each service with its grace. */
  readonly stop: AbortSignal;
  /** Aborted: SIGKILL to all, at once. */
  readonly kill: AbortSignal;
  /** All are ready; the last /ready answer of each, by name. */
  readonly onReady: (answers: ReadonlyMap<string, ProbeResult>) => void;
  readonly limits?: RestartLimits;
};

/** A child that dies this often before it was ever ready will not get ready. */
const START_ATTEMPTS = 3;
const TELL_EVERY_MS = 5_000;

type Member = {
  readonly service: Service;
  readonly process: SupervisedProcess;
  readonly firstReady: Promise<ProbeResult>;
};

/**
 * Runs the stack until `stop` or `kill`; resolves when every process is dead.
 * Whoever dies later is started again; failing to get ready at the start is the end of all.
 *
 * @throws UpError when a service cannot start; everything is stopped then, too
 */
export async function runStack(options: StackOptions): Promise<void> {
  const { services, stop, kill, reporter } = options;
  setMaxListeners(0, stop, kill);
  const members = services.map((service) => createMember(service, options));
  const killAll = () => {
    for (const member of members) member.process.kill();
  };
  kill.addEventListener('abort', killAll);
  try {
    const answers = await startAll(members, stop);
    if (answers !== undefined) {
      options.onReady(answers);
      await aborted(stop);
    }
  } finally {
    await stopAll(members, reporter);
    kill.removeEventListener('abort', killAll);
  }
}

function createMember(service: Service, options: StackOptions): Member {
  const { reporter, readyTimeoutMs, limits } = options;
  const { name } = service.process;
  const { promise: firstReady, resolve, reject } = Promise.withResolvers<ProbeResult>();
  // Awaited by rank: a failure before that must not count as unhandled.
  firstReady.catch(() => {});
  let wasReady = false;

  async function followStart(life: AbortSignal): Promise<void> {
    try {
      const answer = await waitUntilReady({
        probe: service.probe,
        timeoutMs: readyTimeoutMs,
        signal: life,
        tellEveryMs: TELL_EVERY_MS,
        onWaiting: (detail) => reporter.say(`waiting for ${name}: ${detail}`),
      });
      supervised.markReady();
      reporter.say(wasReady ? `${name} is back` : `${name} is ready`);
      wasReady = true;
      resolve(answer);
    } catch (error) {
      // Its death is reported as such.
      if (life.aborted) return;
      if (!(error instanceof NotReadyError)) throw error;
      const text = `${name} is not ready after ${readyTimeoutMs / 1000} s: ${error.message}`;
      if (wasReady) reporter.warn(text);
      else reject(new UpError(text));
    }
  }

  function onDeath({ reason, code, quickDeaths, restartInMs, loud }: Death): 'restart' | 'give up' {
    if (!wasReady && (code === exitCodes.config || quickDeaths >= START_ATTEMPTS)) {
      reject(new UpError(`${name} cannot start (${reason}); its own lines above say why`));
      return 'give up';
    }
    const again = `starting it again in ${restartInMs / 1000} s`;
    const note = service.restartNote === undefined ? '' : `; ${service.restartNote}`;
    if (loud)
      reporter.warn(`${name} KEEPS DYING (${reason}), ${quickDeaths} times in a row; ${again}${note}`);
    else reporter.warn(`${name} died (${reason}); ${again}${note}`);
    return 'restart';
  }

  const supervised = superviseProcess(
    service.process,
    {
      onStart: (_pid, life) => void followStart(life),
      onDeath,
      onLine: (text) => reporter.line(name, text),
    },
    limits,
  );
  return { service, process: supervised, firstReady };
}

/** Resolves to undefined when it was interrupted. */
async function startAll(
  members: readonly Member[],
  stop: AbortSignal,
): Promise<Map<string, ProbeResult> | undefined> {
  const answers = new Map<string, ProbeResult>();
  for (const rank of ranks(members, (service) => service.startRank)) {
    if (stop.aborted) return undefined;
    for (const member of rank) member.process.start();
    const ready = Promise.all(
      rank.map(async ({ process, firstReady }) => answers.set(process.name, await firstReady)),
    );
    const outcome = await Promise.race([ready, aborted(stop)]);
    if (outcome === undefined) return undefined;
  }
  return answers;
}

async function stopAll(members: readonly Member[], reporter: Reporter): Promise<void> {
  for (const rank of ranks(members, (service) => service.stopRank)) {
    await Promise.all(
      rank.map(async ({ process }) => {
        if (process.isAlive()) reporter.say(`stopping ${process.name}`);
        const outcome = await process.stop();
        if (outcome === 'killed') reporter.warn(`${process.name} had to be killed`);
      }),
    );
  }
}

function ranks(members: readonly Member[], rankOf: (service: Service) => number): Member[][] {
  const byRank = Map.groupBy(members, (member) => rankOf(member.service));
  return [...byRank].sort(([a], [b]) => a - b).map(([, rank]) => rank);
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener('abort', () => resolve(undefined), { once: true });
  });
}
