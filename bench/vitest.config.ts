/** The smoke test of the benchmark, and lists of very many jobs; apart from `npm test`, for they take long. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'bench',
    reporters: ['default', './tools/totals-reporter.ts'],
    include: ['bench/smoke.test.ts', 'bench/many-jobs.test.ts'],
    globalSetup: ['redis', 'claude-code', 'bundles'].map((name) => `tests/setup/${name}.ts`),
    retry: process.env.CI ? 1 : 0,
  },
});
