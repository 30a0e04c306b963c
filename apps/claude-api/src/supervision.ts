/**
 * Starts a program under a supervisor: a shell that outlives it, so that what lost its parent keeps an ancestor of
 * ours and can be found. The supervisor says how the program ended, and ends when it is released.
 */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Containment } from './containment.ts';
import { fencedView } from './fence.ts';
import { killHolders } from './killing.ts';
import { MARKER_VARIABLE, openFamilies } from './process-table.ts';
import type { ProcessTree } from './process-tree.ts';
import { VIEW_FAILED, type View, viewArguments } from './view.ts';

export type Exit = {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It could not be started. */
  readonly spawnError?: NodeJS.ErrnoException;
};

export type Started = {
  /** Of a supervised program, its supervisor, whose standard streams are those of the program. */
  readonly child: ChildProcessWithoutNullStreams;
  /** Nothing outlives its supervisor, unless what holds that one was killed: it has a PID namespace of its own. */
  readonly isSealed: boolean;
  /** Rejects with the system's error when nothing could be started. */
  readonly ready: Promise<void>;
  /** Of the program, or of what held it, if that was ended first. */
  readonly exited: Promise<Exit>;
  /** What there is of it now. */
  tree(): ProcessTree;
  /** Lets the supervisor end, when nothing else is left; resolves when it has. */
  release(): Promise<void>;
};

/**
 * File descriptor 3 is the line to us, which the program does not get. Signals to the group are the program's to obey.
 * Of what came back to the supervisor none is left unasked for, which a container without an init would have nobody for; and
 * if we are gone when the program ends, and nobody hears the supervisor any more, it ends that itself. A namespace does both.
 */
const SUPERVISOR = `
trap : INT TERM PIPE
echo $$ >&3
"$@" 3>&-
code=$?
trap '' INT TERM PIPE
exec </dev/null >/dev/null 2>&1
echo $code >&3
read -r released <&3 && [ $$ = 1 ] && exit
while left=; read -r left </proc/$$/task/$$/children; [ "$left" ]; do kill -KILL $left; sleep 0.02; done
`;

/** In the process table. */
export const SUPERVISOR_NAME = 'cc-executor-supervisor';
const RELEASE_WITHIN_MS = 2_000;
/** What a shell says for a program that it cannot run. */
const NOT_STARTED: Partial<Record<number, string>> = { 126: 'EACCES', 127: 'ENOENT' };

export type Program = {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly marker: string;
  /** What it sees of the file system; `cwd` is in it, too. Ignored where none can be had. */
  readonly view?: View | undefined;
};

/** Starts it, in a process group of its own. */
export function startSupervised(program: Program, { kind, launcher, hides }: Containment): Started {
  if (launcher.length === 0) return startAlone(program);
  const isSealed = kind === 'namespace';
  if (hides === 'nothing') return { ...startHeld(program, launcher), isSealed };
  const { cwd, view = { hidden: [], shown: [], readOnly: [] } } = program;
  const had = hides === 'fenced' ? fencedView(view) : view;
  return { ...startHeld(program, [...launcher, ...viewArguments({ ...had, cwd })]), isSealed };
}

function startAlone(program: Program): Started {
  const { child, ready, exited, root } = spawnProgram(program, [program.file, ...program.args], []);
  return {
    child,
    isSealed: false,
    ready,
    exited,
    tree: () => ({ marker: program.marker, group: child.pid!, root: root(), holders: [] }),
    release: async () => {},
  };
}

function startHeld(program: Program, launcher: readonly string[]): Omit<Started, 'isSealed'> {
  const command = [...launcher, '/bin/sh', '-c', SUPERVISOR, SUPERVISOR_NAME, program.file, ...program.args];
  const { child, ready, exited, root } = spawnProgram(program, command, ['pipe']);
  const line = child.stdio[3] as Duplex;
  // It is cut off when the supervisor is killed; its exit says so.
  line.on('error', () => {});
  const lines = createInterface(line)[Symbol.asyncIterator]();
  const holders = new Set([child.pid!]);

  /** Undefined: the supervisor was killed. */
  const nextLine = async () => (await lines.next().catch(() => undefined))?.value as string | undefined;

  async function meetSupervisor(): Promise<void> {
    await ready;
    const text = await nextLine();
    if (text === undefined) {
      const { exitCode } = await exited;
      if (exitCode !== VIEW_FAILED) return;
      // There it says why.
      await finished(child.stderr).catch(() => {});
      throw new Error('its sandbox could not be made');
    }
    if (text !== '1') return void holders.add(Number(text));
    // The first of a namespace of its own; here it has another number.
    const [own] = openFamilies()(child.pid!);
    if (own !== undefined) holders.add(own);
  }

  async function hearOfExit(): Promise<Exit> {
    const text = await nextLine();
    return text === undefined ? exited : readCode(Number(text), program.file);
  }

  async function release(): Promise<void> {
    line.end('released\n');
    const late = setTimeout(() => killHolders(tree()), RELEASE_WITHIN_MS);
    await exited;
    clearTimeout(late);
  }

  function tree(): ProcessTree {
    const { marker } = program;
    return { marker, group: child.pid!, root: root(), holders: [...holders] };
  }

  const met = meetSupervisor();
  return { child, ready: met, exited: met.then(hearOfExit, () => exited), tree, release };
}

function spawnProgram(
  { cwd, env, marker }: Program,
  [file = '', ...args]: readonly string[],
  line: readonly ['pipe'] | readonly [],
) {
  const child = spawn(file, args, {
    cwd,
    env: { ...env, [MARKER_VARIABLE]: marker },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...line],
  }) as ChildProcessWithoutNullStreams;
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>();
  child.once('spawn', resolve);
  // Later ones are of a signal that could not be sent; we signal by ourselves.
  child.on('error', (error) => {
    reject(error);
    // Nobody is at their other end.
    if (child.pid === undefined) for (const stream of child.stdio) stream?.destroy();
  });
  let hasExited = false;
  const { promise: exited, resolve: onExit } = Promise.withResolvers<Exit>();
  child.once('exit', (exitCode, signal) => {
    hasExited = true;
    onExit({ exitCode, signal });
  });
  return { child, ready, exited, root: () => (hasExited ? undefined : child.pid) };
}

/** A shell gives 128 and its number for a signal. */
function readCode(code: number, file: string): Exit {
  const fault = NOT_STARTED[code];
  if (fault !== undefined) {
    const spawnError = Object.assign(new Error(`${file} cannot be run`), { code: fault });
    return { exitCode: null, signal: null, spawnError };
  }
  const [signal] = Object.entries(constants.signals).find(([, number]) => number === code - 128) ?? [];
  return signal === undefined
    ? { exitCode: code, signal: null }
    : { exitCode: null, signal: signal as NodeJS.Signals };
}
