/** Refusals of the dashboard itself, in the form of those of gateways. */
import { type HttpReply, sendJson } from '@cc-executor/service';

/** Answers with a problem (RFC 9457). */
export function refuse(
  reply: HttpReply,
  problem: { status: number; code: string; detail: string },
): HttpReply {
  sendJson(reply, { status: problem.status, body: { title: problem.code, ...problem } });
  return reply.header('content-type', 'application/problem+json');
}
