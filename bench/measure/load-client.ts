/** The harness's side of the load client. */
import type { Message, Order, TaskName, Tasks } from '../client/main.ts';
import { startProgram } from '../systems/program.ts';

export type PlanOf<K extends TaskName> = Parameters<Tasks[K]>[0];
export type FiguresOf<K extends TaskName> = Awaited<ReturnType<Tasks[K]>>['figures'];
export type OutcomeOf<K extends TaskName> = Awaited<ReturnType<Tasks[K]>>;

type OnMark = (name: 'start' | 'end') => void;

export type LoadClient = {
  readonly pid: number;
  /** Rejects with what the client says, and when it is gone. @param onMark is called at each of the task's marks */
  run<K extends TaskName>(task: K, plan: PlanOf<K>, onMark?: OnMark): Promise<OutcomeOf<K>>;
  stop(): Promise<void>;
};

export async function startLoadClient(): Promise<LoadClient> {
  const { child, pid, stop } = await startProgram('client/main.ts', []);
  let pending = Promise.withResolvers<unknown>();
  // Before the first task nobody waits for it.
  pending.promise.catch(() => undefined);
  let atMark: OnMark = () => undefined;

  child.on('message', (message: Message) => {
    if ('mark' in message) {
      atMark(message.mark);
      child.send({ goOn: true } satisfies Order);
    } else if ('error' in message) pending.reject(new Error(message.error));
    else pending.resolve(message.outcome);
  });
  child.once('exit', (code) => pending.reject(new Error(`the load client exited with ${code}`)));

  return {
    pid,
    run<K extends TaskName>(task: K, plan: PlanOf<K>, onMark: OnMark = () => undefined) {
      pending = Promise.withResolvers();
      atMark = onMark;
      child.send({ task, plan } satisfies Order);
      return pending.promise as Promise<OutcomeOf<K>>;
    },
    stop,
  };
}
