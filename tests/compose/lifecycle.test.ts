/** Coming and going: twice in a row, after an aborted start, beside another one, leaving nothing. */
import { expect, test } from 'vitest';
import { docker } from './support/docker.ts';
import { expectCompleted, startJob } from './support/jobs.ts';
import { chooseSettings, openProject, type Project } from './support/project.ts';
import { connect, useStack } from './support/stack.ts';

const stack = useStack();

async function expectWorks(project: Project): Promise<void> {
  const client = connect(project);
  await expectCompleted(client, await startJob(client));
}

test('a second up changes nothing: the containers stay', async () => {
  /** With what Compose makes a container anew for, when it differs. */
  const running = async () => {
    const lasting = (await stack().containers()).filter(({ service }) => service !== 'redis-users');
    const label = (name: string) => `{{index .Config.Labels "com.docker.compose.${name}"}}`;
    const format = `{{.Name}} {{.Id}} ${label('config-hash')} ${label('image')} {{.State.Status}}`;
    const told = await docker(['inspect', '--format', format, ...lasting.map(({ id }) => id)]);
    return told.trim().split('\n');
  };
  const before = await running();
  await stack().up();
  expect(await running()).toEqual(before);
  await expectWorks(stack());
});

test('a second project runs beside the first, also after an aborted start, and leaves nothing', async () => {
  // The images are those of the first.
  const second = openProject(await chooseSettings({ IMAGE_TAG: stack().imageTag }));
  try {
    const aborting = new AbortController();
    const start = docker(['compose', '--project-name', second.name, 'up', '--detach', '--wait'], {
      env: {
        ...second.env,
        GATEWAY_PORT: String(second.gatewayPort),
        DASHBOARD_PORT: String(second.dashboardPort),
      },
      signal: aborting.signal,
    });
    start.catch(() => undefined);
    while ((await second.containers('redis'))[0]?.state !== 'running') await new Promise(setImmediate);
    aborting.abort();
    await expect(start).rejects.toThrow();

    await second.up();
    await expectWorks(second);
    await expectWorks(stack());
    const ids = new Set((await second.containers()).map(({ id }) => id));
    expect((await stack().containers()).filter(({ id }) => ids.has(id))).toEqual([]);
  } finally {
    await second.compose('down', '--volumes', '--timeout', '10');
  }
  expect(await second.leftovers()).toEqual([]);
  await expectWorks(stack());
});
