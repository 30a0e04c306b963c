import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { exitCodes } from '@cc-executor/runtime';
import { quickStart } from '@cc-executor/testing';
import { afterEach, describe, expect, test } from 'vitest';

const fixture = new URL('./fixtures/service.ts', import.meta.url).pathname;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

function start(mode: string, env: Record<string, string> = { FIXTURE_PORT: '1' }) {
  const child = spawn(process.execPath, [...quickStart(fixture), mode], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  const messages: string[] = [];
  let errors = '';
  let wake = () => {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { event, msg } = JSON.parse(line);
    // What runService says has a code; the fixture has only words.
    messages.push(event ?? msg);
    wake();
  });
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const exited = once(child, 'close').then(([code]) => code as number | null);
  return {
    messages,
    errors: () => errors,
    exited,
    signal: (name: NodeJS.Signals) => child.kill(name),
    async logged(message: string) {
      while (!messages.includes(message)) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

describe('runService', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)('closes on %s and exits with 0', async (name) => {
    const service = start('works');
    await service.logged('ready');
    service.signal(name);
    expect(await service.exited).toBe(exitCodes.ok);
    expect(service.messages).toEqual(['ready', 'draining', 'closing', 'stopped']);
  });

  test('writes files for its own user only, whatever the umask it was started with', async () => {
    const before = process.umask(0o002);
    const service = start('tells-umask');
    process.umask(before);
    await service.logged('ready');
    expect(service.messages).toContain('umask 77');
  });

  test('prints a faulty configuration plainly and exits with 78', async () => {
    const service = start('works', { FIXTURE_PORT: 'x' });
    expect(await service.exited).toBe(exitCodes.config);
    expect(service.errors()).toBe(
      'fixture: the configuration is not valid\n' +
        '  FIXTURE_PORT is not a whole number; got "x"; expected a port number, 0 to 65535\n',
    );
    expect(service.messages).toEqual([]);
  });

  test('exits with 78 when the start finds that the configuration does not fit', async () => {
    const service = start('refuses');
    expect(await service.exited).toBe(exitCodes.config);
    expect(service.errors()).toBe('fixture: the configuration is not valid\n  the database does not fit\n');
    expect(service.messages).toEqual([]);
  });

  test('exits at once with 130 on a second signal', async () => {
    const service = start('hangs-in-close-for-long');
    await service.logged('ready');
    service.signal('SIGTERM');
    await service.logged('closing');
    service.signal('SIGINT');
    expect(await service.exited).toBe(exitCodes.interrupted);
    expect(service.messages.filter((message) => message === 'closing')).toHaveLength(1);
  });

  test('exits with 1 when close does not end within the grace', async () => {
    const service = start('hangs-in-close');
    await service.logged('ready');
    service.signal('SIGTERM');
    expect(await service.exited).toBe(exitCodes.failed);
    expect(service.messages.at(-1)).toBe('close_late');
  });

  test('exits with 1 when close fails', async () => {
    const service = start('fails-to-close');
    await service.logged('ready');
    service.signal('SIGTERM');
    expect(await service.exited).toBe(exitCodes.failed);
    expect(service.messages.at(-1)).toBe('close_failed');
  });

  test('exits with 1 when it cannot start', async () => {
    const service = start('fails-to-start');
    expect(await service.exited).toBe(exitCodes.failed);
    expect(service.messages).toEqual(['start_failed']);
  });

  test('a signal during the start aborts it and exits with 0', async () => {
    const service = start('slow-start');
    await service.logged('starting');
    service.signal('SIGTERM');
    expect(await service.exited).toBe(exitCodes.ok);
    expect(service.messages).toEqual(['starting', 'draining', 'start_interrupted', 'stopped']);
  });

  test('closes after an unhandled rejection and exits with 1', async () => {
    const service = start('crashes');
    expect(await service.exited).toBe(exitCodes.failed);
    expect(service.messages).toEqual(['ready', 'fault', 'closing', 'stopped']);
  });
});
