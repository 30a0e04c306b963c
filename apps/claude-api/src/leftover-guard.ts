/**
 * A small process beside this one, which ends what executions have started when this one is gone without having done so:
 * by SIGKILL, or for want of memory. What stood still would do so for ever, and what runs would for as long as it likes.
 */
import { spawn } from 'node:child_process';
import type { Environment } from './cli-environment.ts';
import { ownOwner } from './process-owner.ts';
import { SUPERVISOR_NAME } from './supervision.ts';

/** Also in the process table. */
export const GUARD_NAME = 'cc-executor-guard';
const USUAL_FOLDERS = '/usr/bin:/bin:/usr/sbin:/sbin';
/**
 * Standard input is the line to us; it never carries anything, and breaks when we end. Supervisors end by themselves once
 * their program has, with all that came back to them; later they are forced to.
 */
const GUARD = `
trap '' HUP INT TERM
read -r line
round=0
while [ $round -lt 50 ]; do
  found=$(grep -lsF "/$1/" /proc/[0-9]*/environ)
  [ "$found" ] || exit 0
  for file in $found; do
    folder=\${file%/environ}
    [ $round -lt 20 ] && grep -qsF "$2" "$folder/cmdline" && continue
    kill -KILL "\${folder#/proc/}"
  done
  round=$((round + 1))
  sleep 0.1
done
`;

/** Starts it where there is a /proc; gives what dismisses it, for the end of this process, without giving way. */
export function startLeftoverGuard({ PATH = '' }: Environment): () => void {
  if (process.platform !== 'linux') return () => {};
  const guard = spawn('/bin/sh', ['-c', GUARD, GUARD_NAME, ownOwner, SUPERVISOR_NAME], {
    // It outlives what is sent to our group, and knows none of our secrets.
    detached: true,
    cwd: '/',
    env: { PATH: `${PATH}:${USUAL_FOLDERS}` },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  // Without it the next start does what it would have done.
  guard.on('error', () => {});
  guard.stdin.on('error', () => {});
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return () => void guard.kill('SIGKILL');
}
