/** Tests of the dashboard's pages and of the packed SDK in Chromium; apart from `npm test`, for not every machine has one. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'browser',
    reporters: ['default', './tools/totals-reporter.ts'],
    include: ['tests/browser/**/*.test.ts'],
    globalSetup: 'tests/setup/all.ts',
    retry: process.env.CI ? 1 : 0,
    // A page on a busy machine, beside containers: what it comes to counts, not how soon.
    expect: { poll: { timeout: 15_000 } },
    testTimeout: 60_000,
    hookTimeout: 90_000,
  },
});
