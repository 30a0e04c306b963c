import { expect, test } from 'vitest';
import { auditLogger, createLogger } from '../src/index.ts';

function capture(format: 'pretty' | 'json' = 'json', level = 'info') {
  const lines: string[] = [];
  const stream = { write: (line: string) => void lines.push(line) };
  const logger = createLogger({ name: 'gateway', level, format, stream });
  return { logger, lines, last: () => JSON.parse(lines.at(-1) ?? 'null') };
}

test('a JSON line carries name, level by name, time, message and fields', () => {
  const { logger, last } = capture();
  logger.child({ jobId: 'j1' }).info({ attempt: 2 }, 'job started');
  expect(last()).toMatchObject({
    name: 'gateway',
    level: 'info',
    jobId: 'j1',
    attempt: 2,
    msg: 'job started',
  });
  expect(Date.parse(last().time)).not.toBeNaN();
});

test('lines below the level are not written', () => {
  const { logger, lines } = capture();
  logger.debug('quiet');
  expect(lines).toEqual([]);
});

test.each([
  ['trace', true],
  ['info', true],
  ['warn', true],
  ['fatal', true],
  ['silent', false],
])('with the level %s who did what is written: %s, with what the logger is bound to', (level, isWritten) => {
  const { logger, lines } = capture('json', level);
  auditLogger(logger.child({ connection: 'c1' })).info({ who: 'key_0' }, 'audit');
  expect(lines.map((line) => JSON.parse(line).connection)).toEqual(isWritten ? ['c1'] : []);
});

test('secrets are hidden at the top, one level down and in headers', () => {
  const { logger, lines, last } = capture();
  logger.info({ token: 'hunter2', config: { password: 'hunter2', redisUrl: 'redis://u:hunter2@host' } }, 'a');
  expect(last().config).toEqual({ password: '[hidden]', redisUrl: 'redis://***@host' });
  logger.info({ request: { headers: { authorization: 'Bearer hunter2' } } }, 'b');
  expect(lines.join()).not.toContain('hunter2');
});

test('an error keeps type, message, code and causes, and nothing it carries besides', () => {
  const { logger, last, lines } = capture();
  const cause = Object.assign(new Error('refused redis://u:hunter2@host'), { code: 'ECONNREFUSED' });
  const err = Object.assign(new TypeError('failed', { cause }), { command: { args: ['hunter2'] } });
  logger.error({ err }, 'redis failed');
  expect(last().err).toMatchObject({ type: 'TypeError', message: 'failed', cause: { code: 'ECONNREFUSED' } });
  expect(last().err.stack).toContain('logger.test.ts');
  expect(lines.join()).not.toContain('hunter2');
});

test('the pretty format is for people', () => {
  const { logger, lines } = capture('pretty');
  logger.warn({ jobId: 'j1' }, 'slow subscriber');
  expect(lines.join('')).toMatch(/WARN.*gateway.*slow subscriber.*j1/);
});
