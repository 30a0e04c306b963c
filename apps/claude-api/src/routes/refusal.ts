/** How claude-api says no: the status, `Retry-After` where another try may go better, and `{error: {code, message, …}}`. */
import type { HttpReply } from '@cc-executor/service';

export type HttpRefusal = {
  readonly statusCode: number;
  readonly retryAfterSeconds?: number;
  readonly code: string;
  readonly message: string;
  readonly faults?: readonly string[];
  readonly ceilings?: readonly string[];
};

export function sendRefusal(reply: HttpReply, refusal: HttpRefusal): HttpReply {
  const { statusCode, retryAfterSeconds, ...error } = refusal;
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  return reply.code(statusCode).send({ error });
}
