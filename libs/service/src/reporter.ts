/**
 * Writes down a process's report, at once and again and again, as long as Redis is there. The first time, it takes out
 * what dead processes left in whose place this one is.
 */
import type { Registry, ServiceReport } from '@cc-executor/fleet';
import { within } from '@cc-executor/runtime';
import type { SelfReport } from './self-report.ts';

export type Reporter = {
  /** Takes the report out, if Redis answers soon. Idempotent. */
  close(): Promise<void>;
};

/** How long taking it out may take, in ms: Redis may be away. */
const CLOSE_MS = 1_000;

/** `onError` hears of reports that could not be written; the next is tried all the same. */
export function startReporter({
  registry,
  self,
  everyMs,
  onError,
}: {
  registry: Registry;
  self: SelfReport;
  everyMs: number;
  onError: (error: unknown) => void;
}): Reporter {
  let running: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let isFirst = true;

  async function write(found: ServiceReport): Promise<void> {
    if (closing) return;
    await registry.write(found);
    if (isFirst) await removePredecessors(registry, found);
    isFirst = false;
  }

  function report(): void {
    // A patient connection keeps a write until Redis is back: one at a time.
    if (closing) return;
    running ??= self
      .describe()
      .then(write)
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
  }

  async function shutDown(): Promise<void> {
    clearInterval(timer);
    const removed = (async () => {
      await running;
      await registry.remove(self.id);
    })().catch(onError);
    await within(removed, CLOSE_MS, { late: () => undefined });
  }

  const timer = setInterval(report, everyMs);
  timer.unref();
  report();
  return {
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

/** In another container of the same host name a process can look dead that is not: its next report brings it back. */
async function removePredecessors(
  registry: Registry,
  { id, role, at, system }: ServiceReport,
): Promise<void> {
  for (const other of await registry.list(at)) {
    const isOfThisPlace = other.role === role && other.system.host === system.host && other.id !== id;
    if (isOfThisPlace && !isAlive(other.system.pid)) await registry.remove(other.id);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
