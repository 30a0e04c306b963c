/** Connections that stay and ask for nothing, until they are closed. */
import { type Connection, openConnection, type Target } from './connection.ts';
import type { Figures, Outcome } from './task.ts';

const OPENED_AT_ONCE = 200;

const idle: Connection[] = [];

/** Opens as many more. */
export async function openIdle(plan: {
  targets: readonly Target[];
  connections: number;
}): Promise<Outcome<Figures>> {
  const { targets, connections } = plan;
  const startedAt = performance.now();
  for (let opened = 0; opened < connections; opened += OPENED_AT_ONCE) {
    const count = Math.min(OPENED_AT_ONCE, connections - opened);
    const some = Array.from({ length: count }, (_, index) =>
      openConnection(targets[index % targets.length]!, () => undefined),
    );
    idle.push(...(await Promise.all(some)));
  }
  return { figures: { items: connections, elapsedMs: performance.now() - startedAt }, faults: [] };
}

/** Closes them all; it is a fault when one had been closed before. */
export async function closeIdle(): Promise<Outcome<Figures>> {
  const startedAt = performance.now();
  const connections = idle.splice(0);
  const lost = connections.filter(({ isOpen }) => !isOpen).length;
  await Promise.all(connections.map((connection) => connection.close()));
  const figures = { items: connections.length, elapsedMs: performance.now() - startedAt };
  return { figures, faults: lost > 0 ? [`${lost} connections were closed from the other side`] : [] };
}
