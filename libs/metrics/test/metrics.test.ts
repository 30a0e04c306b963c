import { expect, test } from 'vitest';
import { createMetrics, type Metrics, showGauge, watchRedis } from '../src/index.ts';

function create(options: { isOn?: boolean; readLimitMs?: number } = {}): Metrics {
  return createMetrics({ role: 'test', version: '1.2.3', isOn: true, ...options });
}

test('everything is told in the text format, with what runs here and the state of the process', async () => {
  const metrics = create();
  const things = metrics.counter({ name: 'cc_executor_things_total', help: 'Things.', labels: ['kind'] });
  things.inc({ kind: 'a' }, 2);
  const { contentType, body } = await metrics.scrape();
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(body).toContain('cc_executor_things_total{kind="a"} 2\n');
  expect(body).toContain('cc_executor_build_info{version="1.2.3",role="test"} 1\n');
  expect(body).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
  expect(body).toMatch(/^process_resident_memory_bytes /m);
});

test('switched off, the process itself is not observed', async () => {
  expect((await create({ isOn: false }).scrape()).body).not.toMatch(/^(nodejs|process)_/m);
});

test('a gauge with a reader shows its value of now', async () => {
  const metrics = create();
  let value = 1;
  metrics.gauge({ name: 'cc_executor_things', help: 'Things.', read: () => value });
  expect((await metrics.scrape()).body).toContain('cc_executor_things 1\n');
  value = 2;
  expect((await metrics.scrape()).body).toContain('cc_executor_things 2\n');
});

test('what cannot be read in time is not shown, and is not asked for a second time meanwhile', async () => {
  const metrics = create({ readLimitMs: 20 });
  const gauge = metrics.gauge({ name: 'cc_executor_depth', help: 'Depth.' });
  let asked = 0;
  let answer = Promise.resolve(7);
  metrics.atScrape(
    () => {
      asked += 1;
      return answer;
    },
    (value) => showGauge(gauge, value),
  );
  expect((await metrics.scrape()).body).toContain('cc_executor_depth 7\n');

  const slow = Promise.withResolvers<number>();
  answer = slow.promise;
  expect((await metrics.scrape()).body).not.toMatch(/^cc_executor_depth \d/m);
  await Promise.all([metrics.scrape(), metrics.scrape()]);
  expect(asked).toBe(2);

  slow.resolve(8);
  await slow.promise;
  answer = Promise.resolve(9);
  expect((await metrics.scrape()).body).toMatch(/^cc_executor_depth [89]$/m);
  expect((await metrics.scrape()).body).toContain('cc_executor_depth 9\n');
});

test('a Redis that does not answer is shown as down, and as up when it is back', async () => {
  const metrics = create({ readLimitMs: 20 });
  let ping: () => Promise<unknown> = async () => 'PONG';
  watchRedis(metrics, () => ping());
  expect((await metrics.scrape()).body).toMatch(
    /^cc_executor_redis_up 1$[\s\S]*^cc_executor_redis_ping_seconds \d/m,
  );
  ping = () => Promise.reject(new Error('gone'));
  const down = (await metrics.scrape()).body;
  expect(down).toMatch(/^cc_executor_redis_up 0$/m);
  expect(down).not.toMatch(/^cc_executor_redis_ping_seconds \d/m);
  ping = async () => 'PONG';
  expect((await metrics.scrape()).body).toMatch(/^cc_executor_redis_up 1$/m);
});

test('its own metrics are described, in order, without those of the process', () => {
  const metrics = create();
  metrics.histogram({ name: 'cc_executor_wait_seconds', help: 'Wait.', labels: ['kind'], buckets: [1] });
  expect(metrics.describe()).toEqual([
    expect.objectContaining({ name: 'cc_executor_build_info', type: 'gauge', labels: ['version', 'role'] }),
    { name: 'cc_executor_wait_seconds', type: 'histogram', labels: ['kind'], help: 'Wait.' },
  ]);
});
