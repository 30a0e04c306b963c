/** A client that goes while it is being answered: that is no fault of anybody. */
import { createLogger } from '@cc-executor/runtime';
import { startTestRedis, type TestRedis } from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createRig, type Rig } from './harness.ts';

let server: TestRedis;
let rig: Rig;
beforeAll(async () => {
  server = await startTestRedis();
});
beforeEach(async () => {
  rig = await createRig(server);
});
afterEach(() => rig.close());
afterAll(() => server.close());

test('a client that leaves while its attach is under way is not logged as a failed request', async () => {
  const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
  // Every connection logs to a child of it.
  vi.spyOn(logger, 'child').mockImplementation(() => logger as never);
  const failed = vi.spyOn(logger, 'error');
  const debug = vi.spyOn(logger, 'debug');
  const asked = Promise.withResolvers<void>();
  const go = Promise.withResolvers<void>();
  const answered = Promise.withResolvers<void>();
  const gateway = await rig.gateway({
    logger,
    wrapLog: (log) => ({
      ...log,
      async positions(tenant, jobIds) {
        asked.resolve();
        await go.promise;
        const positions = await log.positions(tenant, jobIds);
        // What the gateway does with them follows.
        setTimeout(answered.resolve, 100);
        return positions;
      },
    }),
  });
  const jobId = await rig.createJob();
  const client = await rig.connect(gateway);
  const refused = client.request('attach', { jobId });
  refused.catch(() => {
    // It leaves before the answer.
  });
  await asked.promise;
  client.socket.terminate();
  await vi.waitFor(() => expect(debug).toHaveBeenCalledWith(expect.anything(), 'connection closed'));
  go.resolve();
  await answered.promise;
  expect(failed).not.toHaveBeenCalled();
});
