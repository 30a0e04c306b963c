/** A job in the midst of its output, whose end is told when something happens to it at the mark. */
import { promptFor, type Script } from '../script.ts';
import { openConnection, type Target } from './connection.ts';
import { createEventReader } from './event-reader.ts';
import { createFaults, type Figures, type Mark, type Outcome, timed } from './task.ts';

export type AwaitEnd = { targets: readonly Target[]; script: Script };

/** `elapsedMs` is the time from the mark to the terminal event. */
export async function awaitEnd({ targets, script }: AwaitEnd, mark: Mark): Promise<Outcome<Figures>> {
  const faults = createFaults();
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const reader = createEventReader({
    onOutput: () => begun.resolve(),
    onEnd(type) {
      if (type === 'completed') faults.add('the job came to its end');
      ended.resolve();
    },
    onFault: faults.add,
  });
  const connection = await openConnection(targets[0]!, reader.read);
  connection.send('execute', { prompt: promptFor(script) });
  await begun.promise;
  const { elapsedMs, isLate } = await timed(mark, () => undefined, ended.promise);
  if (isLate) faults.add('its end was never told');
  await connection.close();
  return { figures: { items: 1, elapsedMs }, faults: faults.kept };
}
