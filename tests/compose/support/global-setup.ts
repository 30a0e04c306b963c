/** Builds the images and brings up a stack for each worker of the tests; takes them away again, and sees that they are gone. */
import type { TestProject } from 'vitest/node';
import { buildImages } from './build.ts';
import { whyNoEngine } from './docker.ts';
import { chooseSettings, openProject, type ProjectSettings } from './project.ts';

declare module 'vitest' {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be merged into that of vitest.
  interface ProvidedContext {
    /** One for each worker, or why there is none. */
    stacks: ProjectSettings[] | string;
  }
}

export default async function setup({
  provide,
  config,
}: TestProject): Promise<(() => Promise<void>) | undefined> {
  const reason = await whyNoEngine();
  if (reason !== undefined) {
    process.stdout.write(`The tests of the containers are skipped: ${reason}\n`);
    provide('stacks', reason);
    return undefined;
  }
  const first = await chooseSettings();
  // All run the images of the first.
  const others = Array.from({ length: config.maxWorkers - 1 }, () =>
    chooseSettings({ IMAGE_TAG: first.name }),
  );
  const stacks = [first, ...(await Promise.all(others))];
  const projects = stacks.map(openProject);
  const say = (what: string, from: number) =>
    process.stdout.write(`${first.name}: ${what} in ${((performance.now() - from) / 1000).toFixed(1)} s\n`);
  async function tearDown(): Promise<void> {
    await Promise.all(projects.map((project) => project.remove()));
    await projects[0]?.removeImages();
    const left = (await Promise.all(projects.map((project) => project.leftovers()))).flat();
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }
  try {
    const from = performance.now();
    await buildImages(projects[0]!);
    say('built', from);
    const builtAt = performance.now();
    await Promise.all(projects.map((project) => project.up()));
    say(`${projects.length} stacks healthy`, builtAt);
  } catch (error) {
    for (const { compose } of projects)
      process.stderr.write(await compose('logs', '--no-color').catch(String));
    await tearDown();
    throw error;
  }
  provide('stacks', stacks);
  return tearDown;
}
