/** Tests of the containers; apart from `npm test`, for they need Docker. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'compose',
    reporters: ['default', './tools/totals-reporter.ts'],
    include: ['tests/compose/**/*.test.ts'],
    globalSetup: ['tests/compose/support/global-setup.ts'],
    // They share one stack, and the machine with it.
    fileParallelism: false,
    retry: process.env.CI ? 1 : 0,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
