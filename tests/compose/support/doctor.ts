/** What `cc-executor doctor` says, from the host or from a container. */
import { vi } from 'vitest';
import { runNode } from '../../e2e/support/child.ts';
import { docker } from './docker.ts';
import type { Project } from './project.ts';

export type Finding = { level: 'ok' | 'warn' | 'fail' | 'skip'; subject: string; message: string };

const PROGRAM = new URL('../../../apps/cli/src/main.ts', import.meta.url).pathname;
const PATIENCE_MS = 20_000;

/** Runs it, on the host or in the only container of a service. */
export async function diagnose(project: Project, from: string): Promise<Finding[]> {
  return (JSON.parse(await runDoctor(project, from)) as { findings: Finding[] }).findings;
}

/** Waits until it says of a pair that it is broken, perhaps in certain words. */
export async function untilDiagnosed(
  project: Project,
  from: string,
  pair: RegExp,
  words = /./,
): Promise<void> {
  await vi.waitFor(
    async () => {
      const findings = await diagnose(project, from);
      const fits = ({ level, subject, message }: Finding) =>
        level === 'fail' && pair.test(subject) && words.test(message);
      if (findings.some(fits)) return;
      throw new Error(`the doctor on ${from} says nothing bad of ${pair}: ${JSON.stringify(findings)}`);
    },
    { timeout: PATIENCE_MS, interval: 200 },
  );
}

async function runDoctor(project: Project, from: string): Promise<string> {
  if (from === 'host') {
    const child = runNode([PROGRAM, 'doctor', '--json', '--url', project.url()]);
    await child.ended;
    return child.stdout();
  }
  const { id } = await project.container(from);
  // Its exit code is 1 where something is broken, which is what is wanted here.
  return docker(['exec', id, 'sh', '-c', 'cc-executor doctor --json || true']);
}
