/** The images of the stacks, built. */
import type { Project } from './project.ts';

const LINES = 60;

/**
 * Builds them, and once more where that fails: what they are made of comes over the network. Says what the first try said, and
 * rejects with what the second one did; of both the end, which tells the step.
 */
export async function buildImages({ compose }: Pick<Project, 'compose'>): Promise<void> {
  const build = () => compose('--progress', 'plain', 'build').catch(rejectWithEnd);
  try {
    await build();
  } catch (error) {
    process.stdout.write(`The images could not be built at the first try. ${(error as Error).message}\n`);
    await build();
  }
}

function rejectWithEnd(error: Error & { stdout?: string; stderr?: string }): never {
  const said = `${error.stdout ?? ''}${error.stderr ?? ''}` || error.message;
  throw new Error(`docker compose build:\n${said.trimEnd().split('\n').slice(-LINES).join('\n')}`);
}
