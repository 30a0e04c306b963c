/** `npm start`'s command where a redis-server is on PATH: it is run, and its data outlive it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chooseTestRedis } from '@cc-executor/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { nonce } from './support/nonce.ts';
import {
  expectToStop,
  expectToVanish,
  expectToWork,
  launchUp,
  runCommand,
  startUp,
  useFolder,
} from './support/up.ts';

/** What the tests themselves run on: a real server, found or fetched, or the embedded one. */
const chosen = await chooseTestRedis();
const server = 'program' in chosen ? chosen.program.file : undefined;
const NO_SERVER = `no real Redis can be had: ${chosen.passedOver.join('; ')}`;

const folder = useFolder();

/** A PATH that holds a redis-server and nothing else. */
async function pathWith(script: string): Promise<string> {
  const bin = join(folder(), 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'redis-server'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return bin;
}

describe('cc-executor up with a redis-server on PATH', () => {
  const start = `exec '${server}' "$@"`;

  beforeEach(({ skip }) => skip(server === undefined, NO_SERVER));

  it('comes up, works, still knows its jobs after it was stopped and started again, and leaves nothing behind', async () => {
    const env = { PATH: await pathWith(start), FETCH_REDIS: 'off' };
    const first = await startUp(folder(), env);
    expect(first.child.stdout()).toMatch(/redis +redis:\S+ \(redis-server \d\S+; data in/);
    expect(first.pids).toHaveLength(6);
    await expectToWork(first);
    const prompt = `demo:${JSON.stringify({ text: nonce() })}`;
    const jobId = (await runCommand(first.url, 'run', '--detach', prompt)).trim();
    const answer = await runCommand(first.url, 'attach', jobId, '--json');
    await expectToStop(first);
    const second = await startUp(folder(), env);
    expect(await runCommand(second.url, 'attach', jobId, '--json')).toBe(answer);
    await expectToVanish(second);
  });

  it('says that its data folder is not a folder before anything starts', async () => {
    await writeFile(join(folder(), 'redis'), '');
    const child = launchUp(folder(), { PATH: await pathWith(start) });
    expect((await child.ended).code).toBe(1);
    expect(child.stderr()).toMatch(/redis is not a folder; .*UP_DATA_DIR/);
    expect(child.stdout()).not.toMatch(/is ready|died/);
  });
});
