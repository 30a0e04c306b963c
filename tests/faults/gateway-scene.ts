/**
 * Clients of one gateway at every moment of the fault matrix, and a second gateway that no fault reaches: the first one's
 * Redis connections go through `proxies.gatewayRedis`, the second one's do not.
 */
import { randomUUID } from 'node:crypto';
import type { ExecuteParams } from '@cc-executor/protocol';
import { expect } from 'vitest';
import { type FaultStack, type FaultStackOptions, startFaultStack } from './harness.ts';
import { bringToMoments, completeUpstream, type MomentJobs, THREE_SLOTS } from './moments.ts';
import type { ListeningClient, RecordingClient } from './recording-client.ts';

export type GatewayScene<C extends ListeningClient = RecordingClient> = {
  jobs: MomentJobs;
  /** At the first gateway, listening to (b), (d) and (f). */
  client: C;
  /** At the second gateway, listening to (f). */
  witness: RecordingClient;
};

/** What (a) asks for; the same key again is the same job. */
export type Unanswered = { params: ExecuteParams & { idempotencyKey: string }; answer: Promise<string> };

export async function startTwoGateways(options: FaultStackOptions = {}): Promise<FaultStack> {
  const faults = await startFaultStack({ ...options, env: { ...THREE_SLOTS, ...options.env } });
  await faults.startGateway({ REDIS_URL: faults.redis.url });
  return faults;
}

/** Jobs that are queued, mid-stream and about to finish; the one that is claimed ends with the last of these. */
export async function setScene(
  faults: FaultStack,
  options: { streamChunks?: number; client?: RecordingClient } = {},
): Promise<GatewayScene> {
  return setSceneFor(options.client ?? (await faults.client(0)), faults, options);
}

/** The same for a client of any door. */
export async function setSceneFor<C extends ListeningClient>(
  listener: C,
  faults: FaultStack,
  { streamChunks = 100 }: { streamChunks?: number } = {},
): Promise<GatewayScene<C>> {
  const witness = await faults.client(1);
  const jobs = await bringToMoments(faults, listener, {
    plans: { claimed: { chunks: 1, ends: ['pause'] }, streaming: { chunks: streamChunks, paceMs: 20 } },
  });
  await witness.attach(jobs.finishing);
  return { jobs, client: listener, witness };
}

/** (f): the job has ended, as the witness sees; the first gateway, which is out of order, has not told it. */
export async function finishUndelivered(
  faults: FaultStack,
  { jobs, client, witness }: GatewayScene<ListeningClient>,
): Promise<void> {
  await completeUpstream(faults, jobs.finishing);
  await witness.terminal(jobs.finishing);
  expect(client.wire.events(jobs.finishing).at(-1)?.type).toBe('output');
}

/** (a): an `execute` that the gateway can not answer now. */
export function askUnanswered(faults: FaultStack, client: ListeningClient): Unanswered {
  const params = { prompt: faults.plan({ chunks: 4 }).prompt, idempotencyKey: randomUUID() };
  const answer = client.execute(params);
  // Whoever wants to know awaits it.
  answer.catch(() => undefined);
  return { params, answer };
}

/** Goes on at the second gateway, from what the first client has seen; every job completes. */
export async function resumeElsewhere(
  faults: FaultStack,
  { jobs, client }: GatewayScene<ListeningClient>,
  unanswered: Unanswered,
  other?: ListeningClient,
): Promise<void> {
  const next = other ?? (await faults.client(1));
  for (const jobId of Object.values(jobs)) {
    const seen = client.wire.events(jobId).at(-1);
    if (seen?.type !== 'completed') await next.attach(jobId, seen?.seq ?? 0);
  }
  const accepted = await next.execute(unanswered.params);
  for (const jobId of [...Object.values(jobs), accepted]) {
    const from = client.wire.events(jobId).at(-1)?.type === 'completed' ? client : next;
    expect(await from.terminal(jobId)).toMatchObject({ type: 'completed', attempt: 1 });
  }
}
