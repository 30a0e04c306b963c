/**
 * How the processes of one execution are held together, so that none escapes its end: a PID namespace, which ends with
 * its first process; or a child subreaper, to which everything comes back that lost its parent. Both are commands that
 * run the rest of their arguments. Each is tried before it is relied on.
 */
import { spawnSync } from 'node:child_process';
import type { Environment } from './cli-environment.ts';
import { locateCli } from './cli-location.ts';

export type SandboxMode = 'auto' | 'on' | 'off';

export type Containment = {
  /** `marker`: whatever clears its environment, and has lost its parent, is not found. */
  readonly kind: 'namespace' | 'subreaper' | 'marker';
  /** The program and its arguments, which a command follows; none for `marker`. */
  readonly launcher: readonly string[];
  /** For people. */
  readonly detail: string;
};

const TRY_WITHIN_MS = 10_000;
/** A service's own PATH may be as short as its CLI allows. */
const USUAL_FOLDERS = '/usr/bin:/bin:/usr/sbin:/sbin';
const NAMESPACE = ['--pid', '--fork', '--kill-child', '--mount-proc'];
/** prctl(PR_SET_CHILD_SUBREAPER), which lasts over exec. */
const PRCTL_NUMBERS: Partial<Record<NodeJS.Architecture, number>> = { x64: 157, arm64: 167 };
const SET_SUBREAPER = 36;

/** In the order of preference. Without a user id of its own nobody but root may make a PID namespace only. */
const namespaces = [
  ['unshare', ...NAMESPACE],
  ['unshare', '--user', '--map-current-user', ...NAMESPACE],
];

const prctl = PRCTL_NUMBERS[process.arch];
const subreapers = [
  ...(prctl === undefined
    ? []
    : [
        [
          'perl',
          '-e',
          `syscall(${prctl}, ${SET_SUBREAPER}, 1, 0, 0, 0) == 0 or exit 125; exec { $ARGV[0] } @ARGV; exit 127`,
        ],
      ]),
  ['tini', '-s', '-g', '--'],
  ['/sbin/docker-init', '-s', '-g', '--'],
];

/**
 * Finds the best that works here.
 *
 * @param mode `off`: no namespace; `on` and `auto`: one where it may be made
 */
export function findContainment(mode: SandboxMode, env: Environment): Containment {
  if (process.platform !== 'linux') {
    const detail = `${process.platform} has no way to hold processes together that leave their group`;
    return { kind: 'marker', launcher: [], detail };
  }
  const namespace = mode === 'off' ? undefined : firstThatRuns(namespaces, env);
  if (namespace !== undefined) {
    return { kind: 'namespace', launcher: namespace, detail: 'a PID namespace for each execution' };
  }
  const subreaper = firstThatRuns(subreapers, env);
  if (subreaper !== undefined) {
    const why = mode === 'off' ? '' : '; no PID namespace may be made here';
    const detail = `a child subreaper for each execution${why}`;
    return { kind: 'subreaper', launcher: subreaper, detail };
  }
  const detail =
    'neither a PID namespace (unshare) nor a child subreaper (perl, tini) is to be had: a daemon that clears its environment may outlive its execution';
  return { kind: 'marker', launcher: [], detail };
}

function firstThatRuns(launchers: readonly string[][], env: Environment): string[] | undefined {
  for (const [program = '', ...args] of launchers) {
    const file = locateCli(program, { PATH: `${env.PATH ?? ''}:${USUAL_FOLDERS}` });
    if (file === undefined) continue;
    const { status } = spawnSync(file, [...args, '/bin/sh', '-c', 'exit 0'], {
      env: { ...env },
      stdio: 'ignore',
      timeout: TRY_WITHIN_MS,
    });
    if (status === 0) return [file, ...args];
  }
  return undefined;
}
