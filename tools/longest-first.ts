/**
 * The order of test files. What takes longest begins first, so that no end waits for one of them alone: faults, then what
 * runs everything, then the unit tests, whose many short files fill the end of a run; within each of these the files that
 * are listed here. The others follow in vitest's own order.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const FOLDERS = ['tests/compose/', 'tests/faults/', 'tests/e2e/', ''];

export const LONGEST = [
  'tests/compose/killed.test.ts',
  'tests/compose/paused.test.ts',
  'tests/compose/cut-off.test.ts',
  'tests/compose/scale.test.ts',
  'tests/compose/stack.test.ts',
  'tests/faults/chaos.test.ts',
  'tests/faults/outages.test.ts',
  'tests/faults/worker-none.test.ts',
  'tests/faults/redis-failover.test.ts',
  'tests/faults/mutation.test.ts',
  'tests/faults/pause.test.ts',
  'tests/faults/client-crowd.test.ts',
  'tests/faults/gateway.test.ts',
  'tests/faults/hostile-client.test.ts',
  'tests/e2e/up.test.ts',
  'tests/e2e/catalogue-control.test.ts',
  'tests/e2e/doctor.test.ts',
  'tests/e2e/real-claude.test.ts',
  'tests/e2e/catalogue.test.ts',
  'tests/e2e/cli.test.ts',
  'tests/e2e/catalogue-output.test.ts',
  'tests/e2e/usage-limit-claude.test.ts',
  'tests/e2e/usage-limit.test.ts',
  'apps/gateway/test/memory.test.ts',
  'libs/job-log/test/redis-job-log.test.ts',
  'libs/job-log/test/idempotency.test.ts',
  'apps/claude-api/test/engines.test.ts',
  'apps/gateway/test/slow-reader.test.ts',
  'apps/claude-api/test/kills.test.ts',
];

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId, project }: TestSpecification): number => {
      const file = relative(project.config.root, moduleId);
      const folder = FOLDERS.findIndex((name) => file.startsWith(name));
      const index = LONGEST.indexOf(file);
      return folder * (LONGEST.length + 1) + (index === -1 ? LONGEST.length : index);
    };
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => place(a) - place(b));
  }
}
