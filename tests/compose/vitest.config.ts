/** Tests of the containers; apart from `npm test`, for they need Docker. */
import { defineConfig } from 'vitest/config';
import LongestFirst from '../../tools/longest-first.ts';

export default defineConfig({
  test: {
    name: 'compose',
    reporters: ['default', './tools/totals-reporter.ts'],
    include: ['tests/compose/**/*.test.ts'],
    globalSetup: ['tests/compose/support/global-setup.ts', 'tests/setup/home.ts'],
    // Each has a stack of its own, which waits more than it computes. Files share what their worker has loaded.
    ...{ maxWorkers: 3, isolate: false },
    sequence: { sequencer: LongestFirst },
    retry: process.env.CI ? 1 : 0,
    expect: { poll: { timeout: 15_000 } },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
