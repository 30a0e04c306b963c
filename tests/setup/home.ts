/** Before any test: folders of their own for what commands keep, so that tests neither see nor change what their user has. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs once, before all workers, which inherit the environment. Gives what takes the folders away again. */
export default async function setup(): Promise<() => Promise<void>> {
  const home = await mkdtemp(join(tmpdir(), 'cc-executor-home-'));
  process.env.XDG_CONFIG_HOME = join(home, 'config');
  process.env.XDG_STATE_HOME = join(home, 'state');
  return () => rm(home, { recursive: true });
}
