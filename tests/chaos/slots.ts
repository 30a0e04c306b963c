/**
 * The places of gateways and workers: a slot keeps its name while processes come and go in it. Who dies without being
 * told to, or does not drain cleanly, is a problem of the run.
 */
import { sleep } from '@cc-executor/runtime';
import type { ServiceProcess } from '@cc-executor/testing';

export type Slot = {
  name: string;
  process(): ServiceProcess;
  /** SIGSTOP, and SIGCONT after a while. */
  freeze(durationMs: number): Promise<void>;
  /** Ends the process by a signal and starts another one after a while; resolves when that is ready. */
  replace(signal: 'SIGKILL' | 'SIGTERM', awayMs: number): Promise<void>;
  /** From now on, its end is no surprise. */
  dismiss(): void;
};

export type SlotOptions = {
  name: string;
  start: () => Promise<ServiceProcess>;
  onProblem: (problem: string) => void;
};

export async function openSlot({ name, start, onProblem }: SlotOptions): Promise<Slot> {
  let expected: ServiceProcess | undefined;
  let current = await begin();

  async function begin(): Promise<ServiceProcess> {
    const process = await start();
    void process.exited.then(({ code, signal }) => {
      if (process === expected) return;
      onProblem(`${name} exited by itself (code ${code}, signal ${signal}): ${lastWords(process)}`);
    });
    return process;
  }

  return {
    name,
    process: () => current,
    async freeze(durationMs) {
      current.kill('SIGSTOP');
      await sleep(durationMs);
      current.kill('SIGCONT');
    },
    async replace(signal, awayMs) {
      expected = current;
      current.kill(signal);
      const { code } = await current.exited;
      if (signal === 'SIGTERM' && code !== 0) {
        onProblem(`${name} exited with ${code} after SIGTERM: ${lastWords(current)}`);
      }
      await sleep(awayMs);
      current = await begin();
    },
    dismiss() {
      expected = current;
    },
  };
}

function lastWords(process: ServiceProcess): string {
  const words = process.logs().slice(-5);
  return words.map((line) => JSON.stringify(line)).join(' ');
}
