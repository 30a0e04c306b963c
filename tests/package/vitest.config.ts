/** Tests whose subject is the SDK, with the packed one, at `PACKED_SDK`, in place of the sources: run by `npm run test:package`. */
import { defineConfig } from 'vitest/config';

const packed = process.env.PACKED_SDK;
if (packed === undefined) throw new Error('PACKED_SDK names the script of the packed SDK');

export default defineConfig({
  resolve: { alias: [{ find: /^@cc-executor\/client$/, replacement: packed }] },
  test: {
    name: 'packed',
    reporters: ['default', './tools/totals-reporter.ts'],
    include: [
      'tests/client-transports.test.ts',
      'tests/e2e/resume.test.ts',
      'tests/faults/{gateway-sdk,worker-frozen}.test.ts',
    ],
    globalSetup: 'tests/setup/all.ts',
    testTimeout: 60_000,
    hookTimeout: 90_000,
  },
});
