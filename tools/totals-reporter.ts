/**
 * A vitest reporter that ends the output with one line of totals: `N passed, N failed, N skipped`.
 * Before it, a line for each reason why tests were skipped, with how many of which file, and one for each test that
 * passed only at a second try, with what failed at the first. A file or hook that failed counts as one failure, because its tests are reported as skipped or
 * not at all.
 */
import type { Reporter, TestModule, TestSuite } from 'vitest/node';

export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const lines = summarize(modules, unhandledErrors.length);
    // At the exit, because other reporters and vitest itself still write after the end of the run.
    process.once('exit', () => process.stdout.write(`\n${lines.join('\n')}\n`));
  }
}

/** The lines to print; the totals are the last one. */
export function summarize(modules: readonly TestModule[], unhandledErrors: number): string[] {
  const lines: string[] = [];
  const count = { passed: 0, failed: 0, skipped: 0 };
  const skipped = new Map<string, Map<string, number>>();
  for (const module of modules) {
    const file = module.relativeModuleId;
    for (const test of module.children.allTests()) {
      const result = test.result();
      // A test without a result was cut off, by --bail or by a worker that died.
      const state = result.state === 'pending' ? 'failed' : result.state;
      count[state] += 1;
      if (result.state === 'pending') lines.push(`no result: ${file} > ${test.fullName}`);
      if (test.diagnostic()?.flaky) {
        lines.push(`flaky, passed at a second try: ${file} > ${test.fullName}`, ...firstWords(result.errors));
      }
      if (result.state !== 'skipped') continue;
      const reason = result.note ?? (test.options.mode === 'todo' ? 'to do' : 'no reason given');
      const files = skipped.get(reason) ?? new Map();
      skipped.set(reason, files.set(file, (files.get(file) ?? 0) + 1));
    }
    for (const broken of [module, ...module.children.allSuites()].filter(hasOwnError)) {
      count.failed += 1;
      lines.push(
        `failed outside of a test: ${file}${broken.type === 'suite' ? ` > ${broken.fullName}` : ''}`,
      );
    }
  }
  for (const [reason, files] of skipped) lines.push(describeSkipped(reason, files));
  if (unhandledErrors > 0) lines.push(`unhandled errors: ${unhandledErrors}`);
  count.failed += unhandledErrors;
  return [...lines, `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`];
}

function describeSkipped(reason: string, files: ReadonlyMap<string, number>): string {
  const total = [...files.values()].reduce((sum, n) => sum + n, 0);
  return `skipped ${total}: ${reason} (${[...files].map(([file, n]) => `${file} ${n}`).join(', ')})`;
}

/** A diff of a whole history would bury the totals. */
function firstWords(errors: readonly { message: string }[] = []): string[] {
  return errors.flatMap(({ message }) =>
    message
      .split('\n')
      .slice(0, 10)
      .map((line) => `  ${line.slice(0, 300)}`),
  );
}

function hasOwnError(node: TestModule | TestSuite): boolean {
  return node.errors().length > 0;
}
