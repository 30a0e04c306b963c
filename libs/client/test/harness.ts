/** A client and a scripted gateway per test, closed after it. */
import { onTestFinished } from 'vitest';
import { type Client, ClientError, type ClientOptions, createClient } from '../src/index.ts';
import {
  type ScriptedConnection,
  type ScriptedGateway,
  type ScriptedJob,
  scriptJob,
  startScriptedGateway,
} from './scripted-gateway.ts';

export async function startGateway(
  options?: Parameters<typeof startScriptedGateway>[0],
): Promise<ScriptedGateway> {
  const gateway = await startScriptedGateway(options);
  onTestFinished(gateway.close);
  return gateway;
}

export function openClient(url: string, options: Partial<ClientOptions> = {}): Client {
  const client = createClient({ url, reconnect: { baseMs: 2, maxMs: 5 }, tailGraceMs: 10, ...options });
  onTestFinished(client.close);
  return client;
}

/** A connected pair. */
export async function connectPair(
  options: Partial<ClientOptions> = {},
  gatewayOptions?: Parameters<typeof startScriptedGateway>[0],
): Promise<{ gateway: ScriptedGateway; client: Client; connection: ScriptedConnection }> {
  const gateway = await startGateway(gatewayOptions);
  const client = openClient(gateway.url, options);
  await client.connect();
  return { gateway, client, connection: await gateway.accept() };
}

/** Starts a job and answers for the gateway. */
export async function startJob(
  client: Client,
  connection: ScriptedConnection,
  job: ScriptedJob = scriptJob(),
) {
  const accepting = client.execute({ prompt: 'hello' });
  connection.reply(await connection.expect('execute'), job.accepted);
  return { job, handle: await accepting };
}

/** Attaches to a job and answers for the gateway. */
export async function attachJob(client: Client, connection: ScriptedConnection, afterSeq = 0) {
  const job = scriptJob();
  const attaching = client.attach(job.jobId, { afterSeq });
  connection.reply(await connection.expect('attach'), attachedTo(job, afterSeq));
  return { job, handle: await attaching };
}

export function attachedTo(job: ScriptedJob, lastSeq: number, status = 'running') {
  return { jobId: job.jobId, epoch: job.epoch, status, lastSeq };
}

/** The error a promise rejects with, which must be ours. */
export async function failure(promise: Promise<unknown>): Promise<ClientError> {
  const outcome = await promise.then(
    (value) => new Error(`resolved with ${JSON.stringify(value)}`),
    (error: unknown) => error,
  );
  if (outcome instanceof ClientError) return outcome;
  throw outcome;
}

/** All events until the iterator's end. */
export async function collect<T>(events: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const event of events) all.push(event);
  return all;
}

export async function collectSeqs(events: AsyncIterable<{ seq: number }>): Promise<number[]> {
  return (await collect(events)).map(({ seq }) => seq);
}
