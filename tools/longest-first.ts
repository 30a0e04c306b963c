/**
 * The order of test files: those that take longest begin first, of whatever project, so that the end of a run does not
 * wait for one of them alone. The others follow in vitest's own order, which keeps the files of a project together.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

export const LONGEST = [
  'libs/job-log/test/redis-job-log.test.ts',
  'apps/claude-api/test/kills.test.ts',
  'apps/claude-api/test/engines.test.ts',
  'apps/gateway/test/slow-reader.test.ts',
  'tests/faults/chaos.test.ts',
  'tests/faults/network.test.ts',
  'tests/faults/worker-none.test.ts',
  'tests/e2e/up.test.ts',
  'tests/e2e/doctor.test.ts',
  'tests/e2e/catalogue-pause.test.ts',
  'tests/faults/gateway.test.ts',
  'tests/e2e/verify.test.ts',
  'tests/e2e/catalogue-endings.test.ts',
  'tests/faults/pause.test.ts',
  'tests/faults/client-crowd.test.ts',
  'tests/faults/mutation.test.ts',
  'tests/e2e/catalogue-output.test.ts',
];

export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const index = LONGEST.indexOf(relative(project.config.root, moduleId));
      return index === -1 ? LONGEST.length : index;
    };
    const group = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => group(a) - group(b) || rank(a) - rank(b));
  }
}
