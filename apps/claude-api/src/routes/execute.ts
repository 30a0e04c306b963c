/**
 * `POST /execute/claude-stream` and `POST /execute/stream`: run a prompt and stream what comes of it.
 * Whatever can be refused is refused before the response begins; from then on only the stream says more.
 * A response that is closed before its end cancels the execution.
 */
import { randomUUID } from 'node:crypto';
import { findSchemaFault } from '@cc-executor/claude-options/output-schema';
import type { HttpReply, HttpRequest, HttpServer } from '@cc-executor/service';
import type { Span, Tracing } from '@cc-executor/tracing';
import type { Engine } from '../engine.ts';
import type { Execution, ExecutionOutput } from '../execution.ts';
import type { Executions } from '../executions.ts';
import type { ClaudeApiMetrics } from '../metrics.ts';
import { createNdjsonOutput } from '../ndjson-output.ts';
import { applyPolicy, type Policy } from '../policy.ts';
import { parseExecuteBody } from '../request-schema.ts';
import { openResponse, type ResponseWriter } from '../response-writer.ts';
import { tenantOf } from '../tenants.ts';
import { createTextOutput } from '../text-output.ts';
import { type HttpRefusal, sendRefusal } from './refusal.ts';

export type ExecuteRouteOptions = {
  readonly engine: Engine;
  readonly executions: Executions;
  readonly policy: Policy;
  readonly metrics: ClaudeApiMetrics;
  readonly tracing?: Tracing | undefined;
};

export function registerExecuteRoutes(app: HttpServer, options: ExecuteRouteOptions): void {
  app.post('/execute/claude-stream', (request, reply) =>
    execute(request, reply, options, 'application/x-ndjson', createNdjsonOutput),
  );
  app.post('/execute/stream', (request, reply) =>
    execute(request, reply, options, 'text/plain; charset=utf-8', createTextOutput),
  );
}

async function execute(
  request: HttpRequest,
  reply: HttpReply,
  { engine, executions, policy, metrics, tracing }: ExecuteRouteOptions,
  contentType: string,
  createOutput: (writer: ResponseWriter) => ExecutionOutput,
): Promise<HttpReply> {
  const { traceparent: parent } = request.headers as { traceparent?: string };
  const span = tracing?.start({ name: 'execution', kind: 'server', parent });

  function refuse(refusal: HttpRefusal): HttpReply {
    span?.end({ error: refusal.code });
    metrics.refused.inc({ code: refusal.code });
    return sendRefusal(reply, refusal);
  }

  function refuseFaults(faults: readonly string[]): HttpReply {
    const message = `The request is not valid: ${faults.join('; ')}`;
    return refuse({ statusCode: 400, code: 'invalid_request', message, faults });
  }

  const parsed = parseExecuteBody(request.body);
  if ('faults' in parsed) return refuseFaults(parsed.faults);
  const tenant = tenantOf(request);
  const allowed = applyPolicy(parsed.body, policy, tenant);
  if ('code' in allowed) return refuse({ statusCode: 403, ...allowed });
  const executionId = parsed.body.executionId ?? randomUUID();
  const accepted = { tenant, executionId, ...allowed.options, traceparent: span?.traceparent };
  const unable = executions.refuse(tenant, executionId);
  if (unable !== undefined) return refuse(unable);
  const { outputSchema } = accepted;
  // After what refuses at no cost: this takes a thread.
  const fault = outputSchema && (await findSchemaFault(outputSchema));
  if (fault !== undefined) return refuseFaults([`outputSchema: ${fault}`]);
  const prepared = await engine.prepare(accepted);
  if ('code' in prepared) return refuse(prepared);
  // Others may have started meanwhile.
  const late = executions.refuse(tenant, executionId);
  if (late !== undefined) {
    await prepared.place.release();
    return refuse(late);
  }

  reply.hijack();
  const response = reply.raw;
  const output = createOutput(openResponse(response, contentType));
  const execution = executions.start(accepted, prepared, output);
  void countEnd(execution, metrics);
  if (span) void tellEnd(execution, span);
  const leave = () => execution.stop('disconnected');
  if (response.closed) leave();
  else response.once('close', leave);
  return reply;
}

async function countEnd(execution: Execution, { ended, duration }: ClaudeApiMetrics): Promise<void> {
  const startedAt = performance.now();
  const { status, error } = await execution.done;
  ended.inc({ status, code: error?.code ?? '' });
  duration.observe({ status }, (performance.now() - startedAt) / 1_000);
}

async function tellEnd(execution: Execution, span: Span): Promise<void> {
  const { executionId, status, error, exitCode } = await execution.done;
  span.end({
    error: status === 'error' || status === 'timeout' ? (error?.code ?? status) : undefined,
    attributes: {
      'cc_executor.execution.id': executionId,
      'cc_executor.execution.status': status,
      'process.exit.code': exitCode ?? undefined,
    },
  });
}
