/** The processes of this machine as /proc shows them: whose child each is, and which execution it says it belongs to. */
import { readdirSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** Every process that an execution starts inherits this variable: `<execution>/<owner>/<unique>`. */
export const MARKER_VARIABLE = 'CC_EXECUTOR_EXECUTION_ID';

export type Process = {
  readonly pid: number;
  readonly parent: number;
  readonly marker: string | undefined;
};

/** The children of a process that has one thread. Where the kernel keeps no list of them, it looks through all processes. */
export async function readChildren(pid: number): Promise<number[]> {
  const list = await readFile(`/proc/${pid}/task/${pid}/children`, 'latin1').catch(() => undefined);
  if (list !== undefined) return numbersOf(list.split(' '));
  const processes = await readProcesses();
  return processes.filter(({ parent }) => parent === pid).map((child) => child.pid);
}

/** All living processes; none where there is no /proc. */
export async function readProcesses(): Promise<Process[]> {
  if (process.platform !== 'linux') return [];
  const processes = await Promise.all(
    numbersOf(await readdir('/proc')).map(async (pid) => {
      const read = (file: string) => readFile(`/proc/${pid}/${file}`, 'latin1').catch(() => '');
      return parse(pid, await read('stat'), await read('environ'));
    }),
  );
  return processes.filter((found) => found !== undefined);
}

/** The same without giving way: for a process that is about to end, or to begin. */
export function readProcessesSync(): Process[] {
  if (process.platform !== 'linux') return [];
  return numbersOf(readdirSync('/proc'))
    .map((pid) => parse(pid, readSync(pid, 'stat'), readSync(pid, 'environ')))
    .filter((found) => found !== undefined);
}

function readSync(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // It ended meanwhile, or belongs to another user and so not to us.
    return '';
  }
}

function parse(pid: number, stat: string, environment: string): Process | undefined {
  // The name in brackets may hold anything; state and parent follow it.
  const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (parent === undefined || state === 'Z' || state === 'X') return undefined;
  const start = `${MARKER_VARIABLE}=`;
  const entry = environment.split('\0').find((text) => text.startsWith(start));
  return { pid, parent: Number(parent), marker: entry?.slice(start.length) };
}

function numbersOf(names: readonly string[]): number[] {
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}
