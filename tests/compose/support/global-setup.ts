/** Builds the images and brings up the stack that the tests share; takes it away again, and sees that it is gone. */
import type { TestProject } from 'vitest/node';
import { whyNoEngine } from './docker.ts';
import { chooseSettings, openProject, type ProjectSettings } from './project.ts';

declare module 'vitest' {
  // biome-ignore lint/style/useConsistentTypeDefinitions: only an interface can be merged into that of vitest.
  interface ProvidedContext {
    /** The stack, or why there is none. */
    stack: ProjectSettings | string;
  }
}

export default async function setup({ provide }: TestProject): Promise<(() => Promise<void>) | undefined> {
  const reason = await whyNoEngine();
  if (reason !== undefined) {
    process.stdout.write(`The tests of the containers are skipped: ${reason}\n`);
    provide('stack', reason);
    return undefined;
  }
  const settings = await chooseSettings();
  const project = openProject(settings);
  const say = (what: string, from: number) =>
    process.stdout.write(
      `${settings.name}: ${what} in ${((performance.now() - from) / 1000).toFixed(1)} s\n`,
    );
  async function tearDown(): Promise<void> {
    await project.remove();
    const left = await project.leftovers();
    if (left.length > 0) throw new Error(`left behind: ${left.join(', ')}`);
  }
  try {
    const from = performance.now();
    await project.compose('build', '--quiet');
    say('built', from);
    const builtAt = performance.now();
    await project.up();
    say('healthy', builtAt);
  } catch (error) {
    process.stderr.write(await project.compose('logs', '--no-color').catch(String));
    await tearDown();
    throw error;
  }
  provide('stack', settings);
  return tearDown;
}
