import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { ProgramFault, readOutput } from '../src/program-output.ts';
import { processesNamed, untilProcesses } from './process-table.ts';

const limits = { env: { PATH: process.env.PATH }, withinMs: 60_000, maxBytes: 1_000 };
const shell = (script: string, over = {}) =>
  readOutput(['/bin/sh', '-c', script, `asked-${randomUUID()}`], { ...limits, ...over });

describe('a program of the operator', () => {
  test('is asked without input for what it prints', async () => {
    expect(await shell('cat; printf "grün"; echo nothing >&2')).toBe('grün');
  });

  test.each([
    ['exit 3', 'it ended with the exit code 3'],
    ['kill -TERM $$', 'SIGTERM ended it'],
    ['yes', 'it printed more than 1000 bytes'],
  ])('says nothing of itself when it fails: %s', async (script, message) => {
    await expect(shell(script)).rejects.toEqual(new ProgramFault(message));
  });

  test('that is not there is a fault, too', async () => {
    await expect(readOutput(['/nowhere/at-all'], limits)).rejects.toEqual(
      new ProgramFault('it could not be run (ENOENT)'),
    );
  });

  test.runIf(process.platform === 'linux')('that is late is ended with all that it waits for', async () => {
    const name = `late-${randomUUID()}`;
    const script = `sh -c 'while :; do sleep 1; done' ${name} | cat`;
    await expect(shell(script, { withinMs: 300 })).rejects.toThrow('it did not end within 300 ms');
    await untilProcesses(() => processesNamed(name).length === 0);
  });
});
