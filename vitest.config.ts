import { defineConfig } from 'vitest/config';

// Tests with real processes and short leases share their machine with others in CI. One that passes only at its second
// try is named as flaky above the totals.
const retry = process.env.CI ? 1 : 0;

export default defineConfig({
  test: {
    reporters: ['default', './tools/totals-reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          sequence: { groupOrder: 0 },
          include: [
            'apps/*/test/**/*.test.ts',
            'libs/*/test/**/*.test.ts',
            'tests/*.test.ts',
            'tests/chaos/*.test.ts',
            'tools/**/*.test.ts',
          ],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        // Real processes: two files at a time, however many cores there are, so that time-outs mean something.
        test: {
          name: 'e2e',
          sequence: { groupOrder: 1 },
          retry,
          include: ['tests/e2e/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 90_000,
        },
      },
      {
        test: {
          name: 'faults',
          sequence: { groupOrder: 2 },
          retry,
          include: ['tests/faults/**/*.test.ts'],
          maxWorkers: 2,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
