import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventBody } from '@cc-executor/protocol';
import { expect, it, onTestFinished } from 'vitest';
import {
  completed,
  queued,
  type ScriptedGateway,
  scriptJob,
} from '../../../libs/client/test/scripted-gateway.ts';
import { runHere } from './cli-here.ts';
import { startGateway } from './cli-process.ts';

const FIRST = '5f0c3fd2-6bd4-4f5c-a6a7-3f0f0f0f0f01';
const SECOND = '5f0c3fd2-6bd4-4f5c-a6a7-3f0f0f0f0f02';

async function makePlace() {
  const state = mkdtempSync(join(tmpdir(), 'cc-executor-state-'));
  onTestFinished(() => rmSync(state, { recursive: true }));
  const gateway = await startGateway();
  const env = { XDG_STATE_HOME: state };
  const run = (...args: string[]) => runHere(['run', 'hello', ...args], { url: gateway.url, env });
  return { gateway, folder: join(state, 'cc-executor', 'conversations'), run };
}

/** Runs the job that is asked for, and gives which conversation that was to continue. */
async function answer(gateway: ScriptedGateway, conversation: string | undefined): Promise<unknown> {
  const connection = await gateway.accept();
  const request = await connection.expect('execute');
  const job = scriptJob();
  connection.reply(request, job.accepted);
  connection.notify('event', job.event(1, queued));
  connection.notify(
    'event',
    job.event(2, { ...completed, ...(conversation && { conversation }) } as EventBody),
  );
  return request.params.conversation;
}

it('goes on with the last conversation that was had here, whose id it prints', async () => {
  const { gateway, folder, run } = await makePlace();
  let ended = run().ended;
  expect(await answer(gateway, FIRST)).toBeUndefined();
  expect((await ended).stderr).toContain(`conversation ${FIRST}\n`);
  ended = run('--continue', '--json').ended;
  expect(await answer(gateway, SECOND)).toBe(FIRST);
  expect((await ended).code).toBe(0);
  // One that Claude Code has not kept changes nothing.
  ended = run().ended;
  await answer(gateway, undefined);
  await ended;
  ended = run('--continue').ended;
  expect(await answer(gateway, SECOND)).toBe(SECOND);
  await ended;
  const files = readdirSync(folder);
  expect(files).toHaveLength(1);
  expect(statSync(join(folder, files[0]!)).mode & 0o777).toBe(0o600);
});

it('has another last conversation with another gateway or profile', async () => {
  const [here, there] = [await makePlace(), await startGateway()];
  const ended = here.run().ended;
  await answer(here.gateway, FIRST);
  await ended;
  for (const args of [
    ['--url', there.url],
    ['--profile', 'default', '--url', there.url],
  ]) {
    const { code, stderr } = await here.run('--continue', ...args).ended;
    expect(code).toBe(2);
    expect(stderr).toContain('there is no conversation to continue');
  }
});

it('refuses two conversations', async () => {
  const { run } = await makePlace();
  const { code, stderr } = await run('--continue', '--conversation', FIRST).ended;
  expect([code, stderr]).toEqual([2, expect.stringContaining('not both')]);
});

it('ends as the job did where nothing can be kept', async () => {
  const gateway = await startGateway();
  const ended = runHere(['run', 'hello', '--quiet'], {
    url: gateway.url,
    env: { XDG_STATE_HOME: '/dev/null' },
  }).ended;
  await answer(gateway, FIRST);
  expect(await ended).toEqual({ code: 0, stdout: '', stderr: '' });
});
