import { defineConfig } from 'vitest/config';
import LongestFirst from './tools/longest-first.ts';

// Tests with real processes and short leases share their machine with others in CI. One that passes only at its second
// try is named as flaky above the totals.
const retry = process.env.CI ? 1 : 0;

/**
 * Test files share their worker with others: what most of them took was to load what the one before had loaded. So none
 * may leave anything behind in its process: no environment, no timers that are not the real ones, no listeners.
 */
const isolate = false;

/**
 * All run together, at most this many files at a time, however many cores there are, so that time-outs mean something:
 * they wait more than they compute. And in one project: each would transform, and load in workers of its own, nearly all
 * that the others do.
 */
const maxWorkers = 6;

export default defineConfig({
  test: {
    ...{ isolate, retry, maxWorkers },
    // Only for what hangs: a busy machine may take twenty times as long as a quiet one.
    ...{ testTimeout: 120_000, hookTimeout: 90_000 },
    // By itself it gives up after a second.
    expect: { poll: { timeout: 10_000 } },
    reporters: ['default', './tools/totals-reporter.ts'],
    sequence: { sequencer: LongestFirst },
    globalSetup: 'tests/setup/all.ts',
    include: [
      '{apps,libs}/*/test/**/*.test.ts',
      'tests/*.test.ts',
      'tests/{chaos,e2e,faults,fuzz}/**/*.test.ts',
      'bench/test/*.test.ts',
      'tools/**/*.test.ts',
    ],
  },
});
