/**
 * `POST /execute/claude-stream` and `POST /execute/stream`: run a prompt and stream what comes of it.
 * Whatever can be refused is refused before the response begins; from then on only the stream says more.
 * A response that is closed before its end cancels the execution.
 */
import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ExecutionOutput } from '../execution.ts';
import type { Executions } from '../executions.ts';
import { createNdjsonOutput } from '../ndjson-output.ts';
import { type ExecuteBody, parseExecuteBody } from '../request-schema.ts';
import { openResponse, type ResponseWriter } from '../response-writer.ts';
import { createTextOutput } from '../text-output.ts';

export interface ExecuteRouteOptions {
  readonly executions: Executions;
  readonly allowToolOptions: boolean;
}

export function registerExecuteRoutes(app: FastifyInstance, options: ExecuteRouteOptions): void {
  app.post('/execute/claude-stream', (request, reply) =>
    execute(request, reply, options, 'application/x-ndjson', createNdjsonOutput),
  );
  app.post('/execute/stream', (request, reply) =>
    execute(request, reply, options, 'text/plain; charset=utf-8', createTextOutput),
  );
}

function execute(
  request: FastifyRequest,
  reply: FastifyReply,
  { executions, allowToolOptions }: ExecuteRouteOptions,
  contentType: string,
  createOutput: (writer: ResponseWriter) => ExecutionOutput,
): FastifyReply {
  const parsed = parseExecuteBody(request.body);
  if ('faults' in parsed) {
    const message = `The request is not valid: ${parsed.faults.join('; ')}`;
    return refuse(reply, 400, { code: 'invalid_request', message, faults: parsed.faults });
  }
  const { body } = parsed;
  if (!allowToolOptions && choosesTools(body)) {
    const message = 'This server does not let requests choose allowedTools or permissionMode';
    return refuse(reply, 403, { code: 'tool_options_refused', message });
  }
  const executionId = body.executionId ?? randomUUID();
  const refusal = executions.refuse(executionId);
  if (refusal !== undefined) {
    const { statusCode, retryAfterSeconds, ...error } = refusal;
    if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
    return refuse(reply, statusCode, error);
  }

  reply.hijack();
  const response = reply.raw;
  const output = createOutput(openResponse(response, contentType));
  const execution = executions.start({ ...body, executionId }, output);
  const leave = () => execution.stop('disconnected');
  if (response.closed) leave();
  else response.once('close', leave);
  return reply;
}

function choosesTools({ allowedTools, permissionMode }: ExecuteBody): boolean {
  return allowedTools !== undefined || permissionMode !== undefined;
}

function refuse(reply: FastifyReply, statusCode: number, error: object): FastifyReply {
  return reply.code(statusCode).send({ error });
}
