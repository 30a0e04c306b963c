/** The images of the stacks, built. */
import type { Project } from './project.ts';

const BUILT = ['claude-api', 'gateway', 'worker', 'dashboard'];
const LINES = 60;

/**
 * Builds them all at once, and what fails once more, for what they are made of comes over the network. Says what the first try
 * said, and rejects with what the second one did; of both the end, which tells the step.
 */
export async function buildImages({ compose }: Pick<Project, 'compose'>): Promise<void> {
  // Compose would build one after the other what depends on each other when it runs.
  const build = (service: string) => compose('--progress', 'plain', 'build', service).catch(rejectWithEnd);
  const results = await Promise.allSettled(BUILT.map(build));
  for (const [index, result] of results.entries()) {
    if (result.status === 'fulfilled') continue;
    const service = BUILT[index]!;
    process.stdout.write(`${service} could not be built at the first try. ${result.reason.message}\n`);
    await build(service);
  }
}

function rejectWithEnd(error: Error & { stdout?: string; stderr?: string }): never {
  const said = `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message;
  throw new Error(`docker compose build:\n${said.trimEnd().split('\n').slice(-LINES).join('\n')}`);
}
