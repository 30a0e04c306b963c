/** The smoke test of the benchmark; apart from `npm test`, for it tests no part of the product. */
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'bench',
    reporters: ['default', './tools/totals-reporter.ts'],
    include: ['bench/smoke.test.ts'],
    globalSetup: ['tests/setup/redis.ts', 'tests/setup/claude-code.ts'],
    retry: process.env.CI ? 1 : 0,
  },
});
