/** How a process of the benchmark tells the one that started it that it is ready, and ends with it. */

/** @param port where it listens; 0 when it does not */
export function announce(port = 0): void {
  process.once('disconnect', () => process.exit());
  process.send?.({ port });
}
