import { Writable } from 'node:stream';
import { ClientError } from '@cc-executor/client';
import type { Job } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { readUrl } from '../src/config.ts';
import { describeError } from '../src/describe-error.ts';
import { describeStatus } from '../src/describe-job.ts';
import { buildExecuteParams } from '../src/execute-params.ts';
import { formatCost, formatDuration, oneLine } from '../src/format.ts';
import { harmless, harmlessOn } from '../src/harmless.ts';
import { createScreen } from '../src/screen.ts';

describe('parameters of execute', () => {
  it('come from the options of run', () => {
    const params = buildExecuteParams('hello', {
      model: 'opus',
      allowedTools: ['Read,Grep', 'Bash(git log:*)'],
      maxTurns: '5',
      fallbackModel: 'sonnet',
      maxBudgetUsd: '2.5',
      effort: 'low',
      addDir: ['/srv/a', '/srv/b'],
      mcpConfig: ['files'],
      env: ['CI=1', 'URL=a=b'],
      timeout: '2h',
      idleTimeout: '90s',
      pauseTimeout: '1h',
      metadata: ['ticket=42', 'note=a=b'],
      priority: '10',
      retry: 'always',
      maxAttempts: '5',
      onDisconnect: 'cancel',
      detach: true,
    });
    expect(params).toEqual({
      prompt: 'hello',
      model: 'opus',
      allowedTools: ['Read', 'Grep', 'Bash(git log:*)'],
      maxTurns: 5,
      fallbackModel: 'sonnet',
      maxBudgetUsd: 2.5,
      effort: 'low',
      addDirs: ['/srv/a', '/srv/b'],
      mcpConfig: ['files'],
      env: { CI: '1', URL: 'a=b' },
      timeouts: { totalMs: 7_200_000, idleMs: 90_000, pausedMs: 3_600_000 },
      metadata: { ticket: '42', note: 'a=b' },
      priority: 10,
      retry: 'always',
      maxAttempts: 5,
      onDisconnect: 'cancel',
      attach: false,
    });
  });

  it('name every fault by its option', () => {
    const options = { maxTurns: 'many', timeout: 'soon', idleTimeout: '1', metadata: ['=x'], model: '-rf' };
    expect(() => buildExecuteParams('hello', options)).toThrow(
      /--timeout: 'soon'[\s\S]*--metadata: '=x'[\s\S]*--model: [\s\S]*--max-turns: [\s\S]*--idle-timeout: /,
    );
  });

  it('name what is wrong with the options of Claude Code by their option, too', () => {
    const options = { fallbackModel: '--x', maxBudgetUsd: '0', effort: 'some', addDir: ['srv'], env: ['A'] };
    expect(() => buildExecuteParams('hello', { ...options, mcpConfig: ['../x'] })).toThrow(
      /--env: 'A'[\s\S]*--fallback-model: [\s\S]*--max-budget-usd: [\s\S]*--effort: [\s\S]*--add-dir: [\s\S]*--mcp-config: /,
    );
  });
});

describe('the status of a job', () => {
  it.each([
    ['running', {}],
    ['running, pausing', { pauseRequested: true }],
    ['running, paused', { pauseRequested: true, pausedAt: 5 }],
    ['running, resuming', { pausedAt: 5 }],
    ['running, cancelling', { pausedAt: 5, cancelRequested: true }],
    ['queued, pausing', { status: 'queued', pauseRequested: true }],
    ['queued, waiting for a usage limit to be lifted', { status: 'queued', notBefore: 5 }],
    ['cancelled', { status: 'cancelled', cancelRequested: true, pauseRequested: true }],
  ] as const)('%s', (said, changes) => {
    const job = { status: 'running', cancelRequested: false, pauseRequested: false, ...changes } as Job;
    expect(describeStatus(job)).toBe(said);
  });
});

describe('the address', () => {
  it('gets the native door when it has no path', () => {
    expect(readUrl('ws://host:8003')).toBe('ws://host:8003/ws');
    expect(readUrl('wss://host/proxy/ws')).toBe('wss://host/proxy/ws');
  });
});

describe('errors for people', () => {
  it.each([
    ['connect_failed', 5],
    ['connection_closed', 5],
    ['request_timeout', 5],
    ['invalid_params', 2],
    ['job_not_found', 1],
    ['job_lost', 1],
  ] as const)('%s exits with %i', (code, exitCode) => {
    expect(describeError(new ClientError(code)).exitCode).toBe(exitCode);
  });

  it('give the idempotency key of an execute without an answer', () => {
    const error = new ClientError('request_timeout', 'No answer.', { idempotencyKey: 'key-1' });
    expect(describeError(error).message).toContain('--idempotency-key key-1');
  });

  it('keep the stack of a fault of ours', () => {
    expect(describeError(new TypeError('oops')).message).toContain('parts.test.ts');
  });
});

describe('formats', () => {
  it('durations, costs and lines', () => {
    expect([850, 12_340, 192_000, 3_900_000].map(formatDuration)).toEqual([
      '850 ms',
      '12.3 s',
      '3 min 12 s',
      '1 h 5 min',
    ]);
    expect([0.01234, 12.345].map(formatCost)).toEqual(['$0.0123', '$12.35']);
    expect(oneLine('a\n\tb\u001b[2Jc', 20)).toBe('a b [2Jc');
    expect(oneLine('abcdef', 4)).toBe('abc…');
  });
});

describe('screen', () => {
  function record(isTTY: boolean) {
    const written: string[] = [];
    const stream = (name: string) =>
      Object.assign(
        new Writable({
          decodeStrings: false,
          write(chunk, _encoding, done) {
            written.push(`${name}:${chunk}`);
            done();
          },
        }),
        { isTTY, hasColors: () => false },
      );
    return { written, streams: { stdout: stream('out'), stderr: stream('err') } };
  }

  it('does not put a note into the middle of a line of the same terminal', async () => {
    const { written, streams } = record(true);
    const screen = createScreen({ quiet: false, json: false, plain: false }, streams);
    await screen.write('half');
    screen.note('a note');
    await screen.write('rest', true);
    await screen.finish();
    expect(written).toEqual(['out:half', 'err:\na note\n', 'out:rest', 'out:\n']);
  });

  it('keeps the two streams apart when they are not one terminal', async () => {
    const { written, streams } = record(false);
    const screen = createScreen({ quiet: false, json: false, plain: false }, streams);
    await screen.write('half');
    screen.note('a note');
    await screen.write('rest', true);
    await screen.finish();
    expect(written).toEqual(['out:half', 'err:a note\n', 'out:\nrest', 'out:\n']);
  });

  it('writes only warnings when only the answer is wanted', () => {
    const { written, streams } = record(true);
    const screen = createScreen({ quiet: true, json: false, plain: false }, streams);
    screen.note('a note');
    screen.wait('for something');
    screen.warn('a warning');
    expect(written).toEqual(['err:a warning\n']);
  });

  it.each([
    ['a terminal', true, false, 'out:␛]52;c;b3duZWQ=␇'],
    ['a pipe', false, false, 'out:\u001b]52;c;b3duZWQ=\u0007'],
    ['JSON', true, true, 'out:\u001b]52;c;b3duZWQ=\u0007'],
  ])(
    'lets no answer steer a terminal, and leaves bytes as they are elsewhere: %s',
    async (_where, isTTY, json, seen) => {
      const { written, streams } = record(isTTY);
      await createScreen({ quiet: false, json, plain: false }, streams).write('\u001b]52;c;b3duZWQ=\u0007');
      expect(written).toEqual([seen]);
    },
  );

  it('is gone when nobody reads, and throws any other error', async () => {
    for (const code of ['EPIPE', 'EIO']) {
      const stdout = new Writable({
        write: (_chunk, _encoding, done) => done(Object.assign(new Error(code), { code })),
      });
      stdout.on('error', () => {});
      const screen = createScreen(
        { quiet: false, json: false, plain: false },
        { ...record(false).streams, stdout },
      );
      if (code === 'EIO') {
        await expect(screen.write('x')).rejects.toThrow('EIO');
      } else {
        await screen.write('x');
        expect(screen.isGone).toBe(true);
        await screen.finish();
      }
    }
  });
});

describe('foreign text on a terminal', () => {
  const esc = '\u001b';

  it.each([
    ['a title', `${esc}]0;owned\u0007`, '␛]0;owned␇'],
    ['a colour, begun by C1', '\u009b31mred', '<U+009B>31mred'],
    ['a return to the start of the line', 'rm -rf /\rls      ', 'rm -rf /␍ls      '],
    ['backspaces and DEL', 'a\b\u007f', 'a␈␡'],
    ['a turned direction', 'a\u202etxt.exe\u2066b', 'a<U+202E>txt.exe<U+2066>b'],
    ['line ends and tabs', 'a\r\nb\n\tc', 'a\nb\n\tc'],
    ['everything else', 'grün 🚀 שלום\u200f ümlaut', 'grün 🚀 שלום\u200f ümlaut'],
  ])('shows %s as what it is', (_what, text, shown) => {
    expect(harmless(text)).toBe(shown);
    expect(harmlessOn({ isTTY: true }, text)).toBe(shown);
    expect(harmlessOn({ isTTY: false }, text)).toBe(text);
    expect(oneLine(text, 100)).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  });

  it('is harmless in whatever pieces it comes', () => {
    const whole = `${esc}]52;c;b3duZWQ=${esc}\\`;
    expect([...whole].map(harmless).join('')).toBe(harmless(whole));
  });

  it('is harmless in errors, too', () => {
    const error = new ClientError('internal', `no${esc}[2J`);
    expect(describeError(error).message).toContain('no␛[2J');
  });
});
