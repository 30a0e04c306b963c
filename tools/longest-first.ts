/**
 * The order of test files. Project by project, because a worker that goes over to another project starts anew; the unit
 * tests come last, whose many short files fill the end of a run. Within a project those that take longest begin first,
 * so that no end waits for one of them alone. The others follow in vitest's own order.
 */
import { relative } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

const PROJECTS = ['faults', 'e2e', 'unit'];

export const LONGEST = [
  'tests/compose/cut-off.test.ts',
  'tests/compose/killed.test.ts',
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
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const index = LONGEST.indexOf(relative(project.config.root, moduleId));
      return index === -1 ? LONGEST.length : index;
    };
    const place = ({ project }: TestSpecification) => PROJECTS.indexOf(project.name);
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => place(a) - place(b) || rank(a) - rank(b));
  }
}
