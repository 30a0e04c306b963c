/**
 * That all of an execution stands still and goes on, at every moment at which its processes may be met: while one starts
 * another, loses its parent, has not begun, or is woken by somebody else. For each way of holding them together.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { runCliProcess } from '../src/cli-process.ts';
import { findContainment } from '../src/containment.ts';
import { killTree } from '../src/killing.ts';
import { readProcess, readProcesses } from '../src/process-table.ts';
import { createMarker, lookAtTree } from '../src/process-tree.ts';
import { goOn, standStill } from '../src/standstill.ts';
import { startSupervised } from '../src/supervision.ts';
import { temporaryFolder } from './harness.ts';
import { areStill, heldProcessesNamed, processesNamed, untilProcesses } from './process-table.ts';

const ways = [
  ['namespace', 'auto'],
  ['subreaper', 'off'],
] as const;
const never = new AbortController().signal;
/** clone(2), of which perl has only the special case that is fork. */
const CLONE = process.arch === 'arm64' ? 220 : 56;
const VFORK = 0x4000 | 17;
const EXIT_THREAD = process.arch === 'arm64' ? 93 : 60;
/** In perl: a moment. */
const rest = 'select(undef, undef, undef, 0.005)';
const hasPython = spawnSync('python3', ['-c', 'import ctypes']).status === 0;

describe.runIf(process.platform === 'linux').for(ways)('held together by a %s', ([kind, mode]) => {
  const containment = findContainment(mode, process.env);
  const isHere = containment.kind === kind;
  const skipped = `This machine has only ${containment.detail}`;

  function program(script: string) {
    const [cwd, marker] = [temporaryFolder(), createMarker('still', randomUUID())];
    return { file: '/bin/sh', args: ['-c', script], cwd, env: { PATH: process.env.PATH }, marker };
  }

  /** A program in perl, which finds `$name` in its table entry, and what it says. */
  function begin(script: string) {
    const name = `still-${randomUUID()}`;
    const cwd = temporaryFolder();
    const stop = new AbortController();
    const said: string[] = [];
    let heard = () => {};
    const following = Promise.withResolvers<(paused: boolean) => Promise<void>>();
    const ended = runCliProcess(
      {
        ...{ file: 'perl', args: ['-e', script, name], cwd, input: '' },
        env: { PATH: process.env.PATH },
        marker: createMarker(name, randomUUID()),
      },
      {
        signal: stop.signal,
        stopGraceMs: 5_000,
        containment,
        onOutput(chunk) {
          said.push(...chunk.toString().split('\n').filter(Boolean));
          heard();
        },
        pause: { isPaused: false, follow: following.resolve },
      },
    );
    onTestFinished(async () => {
      // What is not over is killed, and waited for.
      for (const { pid } of processesNamed(name)) tryKill(pid);
      await ended;
    });
    async function untilSaid(word: string): Promise<void> {
      while (!said.includes(word)) await new Promise<void>((resolve) => (heard = resolve));
    }
    const setPaused = async (paused: boolean) => (await following.promise)(paused);
    const held = () => heldProcessesNamed(name);
    const isStill = () => areStill(held());
    return { cwd, said, held, isStill, untilSaid, setPaused, stop: () => stop.abort(), ended };
  }

  test('a parent that waits until its child has begun stands still with it, and both go on', async ({
    skip,
  }) => {
    skip(!isHere, skipped);
    const { cwd, held, isStill, said, untilSaid, setPaused, ended } = begin(`
      $| = 1;
      my $child = syscall(${CLONE}, ${VFORK}, 0, 0, 0, 0);
      if ($child == 0) { print "held\n"; ${rest} until -e 'go'; exec 'true' }
      print "begun\n";
    `);
    await untilSaid('held');
    await setPaused(true);
    expect(held()).toHaveLength(2);
    expect(isStill()).toBe(true);
    writeFileSync(join(cwd, 'go'), '');
    await setPaused(false);
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(said).toContain('begun');
  });

  test('what runs away, from one parent to the next, is caught, and goes on', async ({ skip }) => {
    skip(!isHere, skipped);
    // Each is the child of one that has ended, in a session of its own.
    const { said, isStill, held, untilSaid, setPaused, stop, ended } = begin(`
      use POSIX;
      $| = 1;
      if (fork == 0) {
        for (my $steps = 0; $steps < 2000; $steps++) { ${rest}; exit if fork; POSIX::setsid(); print "away\n" if $steps == 3 }
        exit;
      }
      $SIG{INT} = sub { exit 0 };
      sleep 1 while 1;
    `);
    await untilSaid('away');
    await setPaused(true);
    expect(isStill()).toBe(true);
    const there = held();
    // The first, and the one that runs, with or without its parent.
    expect(there.length).toBeGreaterThan(1);
    await setPaused(false);
    const last = Math.max(...there.map(({ pid }) => pid));
    await untilProcesses(() => held().every(({ pid }) => pid !== last));
    stop();
    expect(await ended).toMatchObject({ exitCode: 0 });
    expect(held()).toEqual([]);
    expect(said).toEqual(['away']);
  });

  test('one whose first thread has ended is stopped and killed with the others', async ({ skip }) => {
    skip(!isHere, skipped);
    skip(!hasPython, 'This machine has no Python, with which a first thread can end before others');
    const { held, untilSaid, setPaused, stop, ended } = begin(`
      exec 'python3', '-c', q{
import ctypes, os, sys, threading, time
def last():
    while open(f"/proc/{os.getpid()}/stat").read().rpartition(")")[2].split()[0] != "Z": time.sleep(0.005)
    print("first has ended", flush=True)
    while True: time.sleep(0.005)
if os.fork() == 0:
    os.environ.clear()
    threading.Thread(target=last).start()
    ctypes.CDLL(None).syscall(${EXIT_THREAD}, 0)
os.wait()
}, $ARGV[0];
    `);
    await untilSaid('first has ended');
    const [parent] = held();
    const childOf = () => readProcesses().filter((process) => process.parent === parent?.pid);
    await setPaused(true);
    expect(childOf()).toMatchObject([{ state: 'stopped' }]);
    const [child] = childOf();
    stop();
    await ended;
    expect(readProcess(child?.pid ?? 0)?.state ?? 'ended').toBe('ended');
  });

  test('a pause that comes before the program has begun waits for it', async ({ skip }) => {
    skip(!isHere, skipped);
    // A supervisor that begins it only when it is told to.
    const started = startSupervised(program('echo; read go; sleep 600; :'), containment);
    onTestFinished(() => killTree(started.tree).then(() => started.release()));
    await Promise.all([started.ready, once(started.child.stdout, 'data')]);
    const [supervisor] = lookAtTree(started.tree());
    const tree = () => ({ ...started.tree(), holders: [...started.tree().holders, supervisor!.pid] });
    const members = () => lookAtTree(tree()).map(({ state }) => state);
    expect(members()).toEqual([]);
    const still = standStill(tree, never);
    started.child.stdin.write('go\n');
    await still;
    expect(members()).toEqual(['stopped']);
    await goOn(tree, never);
    expect(members()).toEqual(['moving']);
  });

  test('what somebody else lets go on meanwhile is stopped again, and parents are stopped before their children', async ({
    skip,
  }) => {
    skip(!isHere, skipped);
    const started = startSupervised(program('sleep 600 & sleep 600 & wait'), containment);
    onTestFinished(() => killTree(started.tree).then(() => started.release()));
    await started.ready;
    const look = () => lookAtTree(started.tree());
    await untilProcesses(() => look().length === 3);
    const [, ...sleepers] = look();
    const seen: string[][] = [];
    let isWoken = false;
    function tree() {
      const states = look().map(({ state }) => state);
      seen.push(states);
      if (!isWoken && states.every((state) => state === 'stopped')) {
        isWoken = process.kill(sleepers[1]!.pid, 'SIGCONT');
      }
      return started.tree();
    }
    await standStill(tree, never);
    expect(look().map(({ state }) => state)).toEqual(['stopped', 'stopped', 'stopped']);
    expect(isWoken).toBe(true);
    for (const [first, ...others] of seen) {
      if (first === 'moving') expect(others).toEqual(['moving', 'moving']);
    }
  });

  test('a cancel is heard by what stands still before it takes another step, and no pause gets in its way', async ({
    skip,
  }) => {
    skip(!isHere, skipped);
    const { said, untilSaid, setPaused, stop, ended } = begin(`
      $| = 1;
      my $steps = 0;
      $SIG{INT} = sub { ${rest} for 1 .. 20; print "interrupted after $steps\n"; exit 0 };
      while (1) { $steps++; print "$steps\n"; ${rest} }
    `);
    await untilSaid('3');
    await setPaused(true);
    const last = said.length;
    stop();
    await setPaused(true);
    expect(await ended).toMatchObject({ exitCode: 0, signal: null });
    const steps = Number(said.at(-1)?.replace('interrupted after ', ''));
    // What it had said and nobody had read, and the one in whose midst it was.
    expect(steps).toBeLessThan(last + 3);
  });
});

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
