import { expect, test } from 'vitest';
import { createReporter } from '../../src/up/reporter.ts';

function record(format: 'pretty' | 'json') {
  const written: string[] = [];
  const reporter = createReporter({
    format,
    names: ['gateway', 'worker-1'],
    write: (text) => written.push(text),
  });
  return { reporter, written };
}

/** Without colours, which depend on where the tests run. */
function plain(text: string): string {
  return text.replace(/\u001b\[\d+m/g, '');
}

test('pretty: each line stands behind the name of its process, in one width', () => {
  const { reporter, written } = record('pretty');
  reporter.line('gateway', 'listens');
  reporter.line('worker-1', '{"raw":1}');
  reporter.say('gateway is ready');
  expect(written.map(plain)).toEqual([
    'gateway  │ listens\n',
    'worker-1 │ {"raw":1}\n',
    'up       │ gateway is ready\n',
  ]);
});

test('json: lines of the children pass as they are, other text becomes an object', () => {
  const { reporter, written } = record('json');
  reporter.line('gateway', '{"level":"info","name":"gateway","msg":"listens"}');
  reporter.line('redis', '* not JSON');
  reporter.warn('gateway died');
  reporter.show('the stack is ready', ['for people'], { gatewayUrl: 'ws://127.0.0.1:8003/ws' });
  expect(written[0]).toBe('{"level":"info","name":"gateway","msg":"listens"}\n');
  expect(written.slice(1).map((text) => JSON.parse(text))).toMatchObject([
    { name: 'redis', level: 'info', msg: '* not JSON' },
    { name: 'up', level: 'warn', msg: 'gateway died' },
    { name: 'up', level: 'info', msg: 'the stack is ready', gatewayUrl: 'ws://127.0.0.1:8003/ws' },
  ]);
});
