/**
 * How the processes of one execution are held together, so that none escapes its end: a PID namespace, which ends with
 * its first process; or a child subreaper, to which everything comes back that lost its parent. With the namespace comes
 * a view of the file system of its own, where that can be had. All are commands that run the rest of their arguments.
 * Each is tried before it is relied on.
 */
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Environment } from './cli-environment.ts';
import { locateCli } from './cli-location.ts';
import { FENCE, isFenceable } from './fence.ts';
import { viewArguments, viewProgram } from './view.ts';

export type SandboxMode = 'auto' | 'on' | 'off';

export type Containment = {
  /** `marker`: whatever clears its environment, and has lost its parent, is not found. */
  readonly kind: 'namespace' | 'subreaper' | 'marker';
  /** The program and its arguments, which a command follows; none for `marker`. */
  readonly launcher: readonly string[];
  /** How much of a view holds, whose arguments (`viewArguments`) then stand between the two. */
  readonly hides: 'all' | 'fenced' | 'nothing';
  /** Whether processes outside, this service first of all, can be neither looked into nor signalled. */
  readonly secludes: boolean;
  /** For people. */
  readonly detail: string;
  /** What this machine does not let us keep from an execution, for people. */
  readonly gaps: readonly string[];
};

const TRY_WITHIN_MS = 10_000;
/** A service's own PATH may be as short as its CLI allows. */
const USUAL_FOLDERS = '/usr/bin:/bin:/usr/sbin:/sbin';
const NAMESPACE = ['--pid', '--fork', '--kill-child', '--mount-proc'];
/** prctl(PR_SET_CHILD_SUBREAPER), which lasts over exec. */
const PRCTL_NUMBERS: Partial<Record<NodeJS.Architecture, number>> = { x64: 157, arm64: 167 };
const SET_SUBREAPER = 36;
const SET_NO_NEW_PRIVILEGES = 38;

/** In the order of preference. Without a user id of its own nobody but root may make a PID namespace only. */
const namespaces = [
  ['unshare', ...NAMESPACE],
  ['unshare', '--user', '--map-current-user', ...NAMESPACE],
];
const viewers = [
  ['unshare', ...NAMESPACE],
  ['unshare', '--user', '--map-current-user', '--keep-caps', ...NAMESPACE],
];
const HERE = fileURLToPath(import.meta.url);
/** This file is hidden where a view holds. */
const TRIAL = viewArguments({ cwd: '/', hidden: [dirname(HERE)], shown: [], readOnly: [] });

const OTHERS_FILES =
  "a tool reaches other executions' workspaces and conversations, and this service's files, as far as its user does";
const OTHERS_NAMES = "a tool can list other executions' files, and this service's";
const OTHERS_PROCESSES = "a tool can look into and signal this service's and other executions' processes";
const DAEMONS = 'a daemon that clears its environment may outlive its execution';

const prctl = PRCTL_NUMBERS[process.arch];
const BECOME = 'exec { $ARGV[0] } @ARGV; exit 127';
const reap = `syscall(${prctl}, ${SET_SUBREAPER}, 1, 0, 0, 0) == 0 or exit 125;`;
const secludingSubreaper = [
  'perl',
  '-e',
  `${reap} syscall(${prctl}, ${SET_NO_NEW_PRIVILEGES}, 1, 0, 0, 0); ${FENCE} ${BECOME}`,
];
const subreapers = [
  ...(prctl === undefined ? [] : [['perl', '-e', `${reap} ${BECOME}`]]),
  ['tini', '-s', '-g', '--'],
  ['/sbin/docker-init', '-s', '-g', '--'],
];

const EXPOSED = [OTHERS_FILES, OTHERS_PROCESSES];

/** Nothing but the marker tells what belongs to an execution. */
const unheld = {
  ...{ kind: 'marker', launcher: [], hides: 'nothing', secludes: false },
  gaps: [...EXPOSED, DAEMONS],
} as const satisfies Omit<Containment, 'detail'>;

/**
 * Finds the best that works here.
 *
 * @param mode `off`: no namespace; `on` and `auto`: one where it may be made
 */
export function findContainment(mode: SandboxMode, env: Environment): Containment {
  if (process.platform !== 'linux') {
    const detail = `${process.platform} has no way to hold processes together that leave their group`;
    return { ...unheld, detail };
  }
  if (mode !== 'off') {
    const viewer = findViewer(env);
    if (viewer !== undefined) {
      const detail = 'a PID namespace and a view of the file system for each execution';
      return { kind: 'namespace', launcher: viewer, hides: 'all', secludes: true, detail, gaps: [] };
    }
    const namespace = firstThatRuns(namespaces, env);
    if (namespace !== undefined) {
      const detail = 'a PID namespace for each execution; nothing can be hidden in it without perl';
      return {
        kind: 'namespace',
        launcher: namespace,
        hides: 'nothing',
        secludes: true,
        detail,
        gaps: [OTHERS_FILES],
      };
    }
  }
  const secluding = mode === 'off' || prctl === undefined ? undefined : findSecluding(env);
  if (secluding !== undefined) {
    const detail =
      'a child subreaper and a Landlock domain for each execution; no PID namespace may be made here';
    return {
      kind: 'subreaper',
      launcher: secluding,
      hides: 'fenced',
      secludes: true,
      detail,
      gaps: [OTHERS_NAMES],
    };
  }
  const subreaper = firstThatRuns(subreapers, env);
  if (subreaper !== undefined) {
    const why = mode === 'off' ? '' : '; no PID namespace may be made here';
    const detail = `a child subreaper for each execution${why}`;
    return {
      kind: 'subreaper',
      launcher: subreaper,
      hides: 'nothing',
      secludes: false,
      detail,
      gaps: EXPOSED,
    };
  }
  const detail = 'neither a PID namespace (unshare) nor a child subreaper (perl, tini) is to be had';
  return { ...unheld, detail };
}

/** Whether what has this path is out of reach of an execution whose view hides it. */
export function canHide({ hides }: Containment, path: string): boolean {
  return hides === 'all' || (hides === 'fenced' && isFenceable(path));
}

function findViewer(env: Environment): string[] | undefined {
  const program = viewProgram();
  const perl = locate('perl', env);
  if (program === undefined || perl === undefined) return undefined;
  const launchers = viewers.map((launcher) => [...launcher, perl, ...program]);
  return firstThatRuns(launchers, env, [...TRIAL, '/bin/sh', '-c', '[ ! -e "$1" ]', 'sh', HERE]);
}

/** What may trace everything, root for instance, is not kept out: so it is tried. */
function findSecluding(env: Environment): string[] | undefined {
  const look = '! cat "/proc/$1/environ" && ! cat "$2"';
  const command = ['/bin/sh', '-c', look, 'sh', String(process.pid), HERE];
  return firstThatRuns([secludingSubreaper], env, [...TRIAL, ...command]);
}

function firstThatRuns(
  launchers: readonly string[][],
  env: Environment,
  command = ['/bin/sh', '-c', 'exit 0'],
): string[] | undefined {
  for (const [program = '', ...args] of launchers) {
    const file = locate(program, env);
    if (file === undefined) continue;
    const { status } = spawnSync(file, [...args, ...command], {
      env: { ...env },
      stdio: 'ignore',
      timeout: TRY_WITHIN_MS,
    });
    if (status === 0) return [file, ...args];
  }
  return undefined;
}

function locate(program: string, env: Environment): string | undefined {
  return locateCli(program, { PATH: `${env.PATH ?? ''}:${USUAL_FOLDERS}` });
}
