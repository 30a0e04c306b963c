/** Before any test: everything that is to be there, got ready at the same time, for much of it waits for the network. */
import type { TestProject } from 'vitest/node';
import makeBundles from './bundles.ts';
import getClaude from './claude-code.ts';
import makeHome from './home.ts';
import getRedis from './redis.ts';

/** Runs once, before all workers. Gives what takes the folders of `home.ts` away again. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const removeHome = await makeHome();
  await Promise.all([getRedis(), getClaude(project), makeBundles(project)]);
  return removeHome;
}
