/**
 * Submitting a batch over HTTP: its lines are taken as they come, a few at a time, and answered when all of them have come,
 * as many clients do not read before they have sent everything.
 */
import { type BatchLine, batchLineSchema, ProtocolError, parseBody } from '@cc-executor/protocol';
import type { BatchSubmission } from '../../operations/submit-batch.ts';
import { type BodyLine, readLines } from './body-lines.ts';
import type { HttpContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import type { SocketTurns } from './socket-turns.ts';

/** What is under way at once, in lines and about in bytes. */
const MAX_LINES = 16;
const MAX_BYTES = 4 * 1024 * 1024;

/** Errors: those of the body as a whole, of `SubmitBatch`. */
export async function submitBatch(
  exchange: Exchange,
  { key, traceparent }: { key: string; traceparent?: string },
  { submitBatch: submit, memory }: HttpContext,
  turns: SocketTurns,
): Promise<void> {
  const { request } = exchange;
  const watch = { grew: exchange.tookBody, letGo: exchange.letBodyGo, mayRead: memory.mayRead };
  const body = readLines(request, watch);
  const submission = await submit(exchange.session, key);
  let lastLine = 0;
  let bytes = 0;
  const underWay = new Set<Promise<void>>();
  const faults: unknown[] = [];
  /** A line may name another trace, or part of it. */
  const within = (job: BatchLine | ProtocolError) =>
    job instanceof ProtocolError || traceparent === undefined ? job : { traceparent, ...job };
  const add = async (taken: BodyLine) => {
    // As any request: a batch takes its turn among those of all connections, line by line.
    await turns.take(request.socket, exchange.session.tenant, () =>
      submission.add(taken.line, within(jobOf(taken))),
    );
  };
  for await (const taken of body.lines) {
    // What came before is compared first: of another batch under the same key nothing is begun.
    const isNew = lastLine <= submission.knownLines && taken.line > submission.knownLines;
    if (isNew) await Promise.all(underWay);
    if (faults.length > 0) break;
    lastLine = taken.line;
    bytes += taken.bytes;
    const adding = add(taken)
      .catch((error) => void faults.push(error))
      .finally(() => {
        underWay.delete(adding);
        bytes -= taken.bytes;
        watch.letGo(taken.bytes);
      });
    underWay.add(adding);
    while (underWay.size >= MAX_LINES || bytes > MAX_BYTES) await Promise.race(underWay);
  }
  await Promise.all(underWay);
  if (faults.length > 0) throw faults[0];
  const { created } = await submission.end({ sha256: body.sha256(), lastLine });
  await sendJobs(exchange, submission, created);
}

function jobOf({ text }: BodyLine): BatchLine | ProtocolError {
  if (text instanceof ProtocolError) return text;
  try {
    return parseBody(text, batchLineSchema, 'line');
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}

/** One document, a page of lines at a time, each when the client has taken what went before. */
async function sendJobs(
  { session, outbox, ...exchange }: Exchange,
  submission: BatchSubmission,
  created: boolean,
): Promise<void> {
  const { batchId } = submission;
  let lines = 0;
  let refused = 0;
  let page = await submission.jobs(0);
  exchange.begin(created ? 201 : 200, {
    'content-type': 'application/json',
    location: `/v1/batches/${batchId}`,
  });
  outbox.send(`{"batchId":"${batchId}","created":${created},"jobs":[`);
  for (;;) {
    const texts = page.jobs.map((job) => JSON.stringify(job));
    outbox.send(`${lines > 0 && texts.length > 0 ? ',' : ''}${texts.join(',')}`);
    lines += page.jobs.length;
    refused += page.jobs.filter(({ error }) => error !== undefined).length;
    const { afterLine } = page;
    if (afterLine === undefined) break;
    page = await session.reads.take(() => submission.jobs(afterLine));
  }
  outbox.send(`],"lines":${lines},"refused":${refused}}\n`);
  exchange.end();
}
