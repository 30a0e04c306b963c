/**
 * Carries out visits: executes, listens until the terminal event whatever breaks, comes back elsewhere, cancels. It
 * behaves as PROTOCOL.md asks of a client, and complains about every answer that it does not allow.
 */

import { isTerminalEvent } from '@cc-executor/protocol';
import { sleep } from '@cc-executor/runtime';
import { type HistoryRecorder, planPrompt } from '@cc-executor/testing';
import { openRecordingClient, type RecordingClient } from '../faults/recording-client.ts';
import type { Random } from './random.ts';
import type { Slot } from './slots.ts';
import type { Visit } from './visit-plan.ts';

export type VisitorOptions = {
  gateways: Slot[];
  recorder: HistoryRecorder;
  onProblem: (problem: string) => void;
};

/** Longer than any fault lasts, with room for what comes after it. */
const ANSWER_MS = 20_000;
const RETRY_MS = 300;
/** Answers that say "try again". */
const temporary = new Set(['unavailable', 'draining']);

/** Carries out one visit; resolves when all of its clients have seen the end, or have left for good. */
export async function payVisit(visit: Visit, random: Random, options: VisitorOptions): Promise<void> {
  /** And which gateway each is connected to. */
  const open = new Map<RecordingClient, string>();

  async function connect(): Promise<RecordingClient> {
    for (;;) {
      const slot = random.pick(options.gateways);
      try {
        const url = `ws://127.0.0.1:${slot.process().ready.port}/ws`;
        const client = await openRecordingClient(url, slot.name, options.recorder);
        open.set(client, slot.name);
        return client;
      } catch {
        // That gateway is down: the next try may meet another one.
        await sleep(RETRY_MS);
      }
    }
  }

  function leave(client: RecordingClient): void {
    open.delete(client);
    client.close();
  }

  /** Waits for an answer; undefined when there was none, or one that says "try again". */
  async function answered<T>(what: string, client: RecordingClient, request: Promise<T>) {
    const late = setTimeout(() => {
      options.onProblem(`${what} was not answered within ${ANSWER_MS} ms by ${open.get(client)}`);
      client.close();
    }, ANSWER_MS);
    try {
      return { value: await request };
    } catch (error) {
      const { code } = error as { code?: string };
      if (code !== undefined && !temporary.has(code)) options.onProblem(`${what} was answered with ${code}`);
      return undefined;
    } finally {
      clearTimeout(late);
    }
  }

  /** Executes until it is answered; with a key, that is safe. Undefined when nobody can know. */
  async function submit(attach: boolean): Promise<{ jobId: string; client: RecordingClient } | undefined> {
    for (;;) {
      const client = await connect();
      const params = { ...visit.params, prompt: planPrompt(visit.plan), attach };
      const answer = await answered('execute', client, client.execute(params));
      if (answer) return { jobId: answer.value, client };
      leave(client);
      if (visit.params.idempotencyKey === undefined) return undefined;
      await sleep(RETRY_MS);
    }
  }

  /** Listens from a position until the terminal event, through as many connections as that takes. */
  async function follow(jobId: string, from: number, first?: RecordingClient): Promise<void> {
    let afterSeq = from;
    let client = first;
    for (;;) {
      if (client === undefined) {
        client = await connect();
        if (!(await answered('attach', client, client.attach(jobId, afterSeq)))) {
          leave(client);
          client = undefined;
          await sleep(RETRY_MS);
          continue;
        }
      }
      const how = await ending(client, jobId);
      if (how === 'terminal' || how === 'job_lost') return leave(client);
      afterSeq = Math.max(afterSeq, lastSeq(client, jobId));
      leave(client);
      client = undefined;
    }
  }

  async function ending(client: RecordingClient, jobId: string): Promise<'terminal' | 'job_lost' | 'closed'> {
    try {
      return await Promise.race([
        client.terminal(jobId).then(() => 'terminal' as const),
        client.wire
          .until((message) => message.method === 'job_lost' && message.params?.jobId === jobId)
          .then(() => 'job_lost' as const),
      ]);
    } catch {
      return 'closed';
    }
  }

  /** The client that executed: it stays, or goes and perhaps comes back. */
  async function attend(jobId: string, client: RecordingClient): Promise<void> {
    const { leave: planned } = visit;
    if (!planned) return follow(jobId, 0, client);
    await Promise.race([sleep(planned.afterMs), ending(client, jobId)]);
    // Behind the terminal event there is nothing to come back for: then it has missed at least that one.
    const seen = client.wire.events(jobId).filter((event) => !isTerminalEvent(event)).length;
    leave(client);
    if (planned.backAfterMs === undefined) return;
    await sleep(planned.backAfterMs);
    await follow(jobId, Math.floor(seen * planned.keptShare));
  }

  /** Its socket stays open, and nobody reads what comes. */
  async function stall(
    { socket }: RecordingClient['wire'],
    planned: NonNullable<Visit['stall']>,
  ): Promise<void> {
    await sleep(planned.afterMs);
    if (socket.readyState !== socket.OPEN) return;
    const over = options.recorder.fault('client stops reading');
    socket.pause();
    await sleep(planned.forMs);
    socket.resume();
    over();
  }

  /** Asks, through any gateway, until it is answered. */
  async function ask(what: string, request: (client: RecordingClient) => Promise<unknown>): Promise<void> {
    for (;;) {
      const client = await connect();
      const answer = await answered(what, client, request(client));
      leave(client);
      if (answer) return;
      await sleep(RETRY_MS);
    }
  }

  async function cancel(jobId: string, afterMs: number): Promise<void> {
    await sleep(afterMs);
    await ask('cancel', (client) => client.cancel(jobId));
  }

  async function pause(
    jobId: string,
    { afterMs, resumeAfterMs }: NonNullable<Visit['pause']>,
  ): Promise<void> {
    await sleep(afterMs);
    await ask('pause', (client) => client.control('pause', jobId));
    if (resumeAfterMs === undefined) return;
    await sleep(resumeAfterMs);
    await ask('resume', (client) => client.control('resume', jobId));
  }

  async function resend(jobId: string, afterMs: number): Promise<void> {
    await sleep(afterMs);
    const again = await submit(false);
    if (again && again.jobId !== jobId) options.onProblem(`a key gave ${again.jobId} after ${jobId}`);
    if (again) leave(again.client);
  }

  async function listen(jobId: string, afterMs: number): Promise<void> {
    await sleep(afterMs);
    await follow(jobId, 0);
  }

  const accepted = await submit(visit.params.attach ?? true);
  if (!accepted) return;
  const { jobId, client } = accepted;
  const { resendAfterMs, cancelAfterMs, pause: pausePlan, listeners } = visit;
  await Promise.all([
    attend(jobId, client),
    ...(visit.stall ? [stall(client.wire, visit.stall)] : []),
    ...listeners.map(({ afterMs }) => listen(jobId, afterMs)),
    ...(cancelAfterMs === undefined ? [] : [cancel(jobId, cancelAfterMs)]),
    ...(pausePlan === undefined ? [] : [pause(jobId, pausePlan)]),
    ...(resendAfterMs === undefined || !visit.params.idempotencyKey ? [] : [resend(jobId, resendAfterMs)]),
  ]);
  for (const rest of [...open.keys()]) leave(rest);
}

function lastSeq(client: RecordingClient, jobId: string): number {
  return client.wire.events(jobId).at(-1)?.seq ?? 0;
}
