/**
 * JSON-RPC 2.0 frames: parsing what a client sends (everything is checked here, at the edge, and nowhere
 * else), and writing what the gateway answers.
 */
import { z } from 'zod';
import { errorMember, ProtocolError } from './errors.ts';
import { inspectFrame } from './frame-shape.ts';
import { type Method, methods, type Params } from './requests.ts';

export type RequestId = string | number | null;

/** A request with its parameters checked. `id` is undefined for a notification: no reply is sent. */
export type Request = { [M in Method]: { method: M; params: Params<M>; id: RequestId | undefined } }[Method];

/** A number beyond these cannot be given back as it was written. */
const idNumberSchema = z.number().min(Number.MIN_SAFE_INTEGER).max(Number.MAX_SAFE_INTEGER);
const idSchema = z.union([z.string().max(256), idNumberSchema, z.null()], {
  error: 'must be a string of at most 256 characters, a number within ±(2^53 - 1), or null',
});

export const requestFrameSchema = z.object({
  jsonrpc: z.literal('2.0'),
  id: idSchema.optional(),
  method: z.string(),
  params: z.unknown().optional(),
});

/** A frame that could not be taken: the error, and the id to answer, when it could be read. */
export type Rejection = { error: ProtocolError; id: RequestId | undefined };

/** Reads the envelope of a client's frame. Errors: `parse_error`, `invalid_request`. */
export function parseEnvelope(
  text: string,
): { ok: true; frame: z.infer<typeof requestFrameSchema> } | { ok: false; rejection: Rejection } {
  const { fault, id } = inspectFrame(text);
  if (fault !== undefined) return reject(new ProtocolError('invalid_request', fault), asId(id));
  let value: unknown;
  try {
    value = parseJson(text, 'frame');
  } catch (error) {
    return reject(error as ProtocolError, null);
  }
  const frame = requestFrameSchema.safeParse(value);
  if (frame.success) return { ok: true, frame: frame.data };
  const message = Array.isArray(value)
    ? 'Batches are not supported: send one request a frame.'
    : `Not a JSON-RPC 2.0 request: ${describeIssues(frame.error)}`;
  return reject(new ProtocolError('invalid_request', message), asId(id));
}

/** Reads a native request. Errors: those of `parseEnvelope`, `unknown_method`, `invalid_params`. */
export function parseRequest(
  text: string,
): { ok: true; request: Request } | { ok: false; rejection: Rejection } {
  const envelope = parseEnvelope(text);
  if (!envelope.ok) return envelope;
  const { method, id, params } = envelope.frame;
  if (!isMethod(method)) {
    const known = Object.keys(methods).join(', ');
    return reject(
      new ProtocolError('unknown_method', `Unknown method '${method.slice(0, 64)}'. Known: ${known}.`),
      id,
    );
  }
  const parsed = methods[method].params.safeParse(params ?? {});
  if (!parsed.success) return reject(new ProtocolError('invalid_params', describeIssues(parsed.error)), id);
  return { ok: true, request: { method, params: parsed.data, id } as Request };
}

/**
 * Reads the body of an HTTP request, or a line of one, judged as a frame is.
 * Errors: `parse_error`, `invalid_request`, `invalid_params`.
 */
export function parseBody<T extends z.ZodType>(
  text: string,
  schema: T,
  what: 'body' | 'line' = 'body',
): z.infer<T> {
  const { fault } = inspectFrame(text, 'body');
  if (fault !== undefined) throw new ProtocolError('invalid_request', fault);
  return checkParams(parseJson(text, 'body'), schema, what);
}

/** Errors: `invalid_params`, with every fault. @param what the whole is called */
export function checkParams<T extends z.ZodType>(value: unknown, schema: T, what?: string): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ProtocolError('invalid_params', describeIssues(parsed.error, what));
  return parsed.data;
}

function parseJson(text: string, what: 'frame' | 'body'): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProtocolError('parse_error', `The ${what} is not JSON: ${reason}`);
  }
}

/** Thousands of wrong values, or names as long as a frame, must not make an answer of megabytes. */
const MAX_NAMED_FAULTS = 50;
const MAX_FAULTS_LENGTH = 8_000;

/** All faults of a value in one line, each with its path. */
export function describeIssues({ issues }: z.ZodError, what = 'value'): string {
  const named = issues
    .slice(0, MAX_NAMED_FAULTS)
    .map((issue) => `${issue.path.join('.') || what}: ${issue.message}`);
  if (issues.length > MAX_NAMED_FAULTS) named.push(`and ${issues.length - MAX_NAMED_FAULTS} more`);
  const line = named.join('; ');
  return line.length <= MAX_FAULTS_LENGTH ? line : `${line.slice(0, MAX_FAULTS_LENGTH)} …`;
}

export function resultFrame(id: RequestId, result: unknown): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result });
}

export function errorFrame(id: RequestId, error: ProtocolError): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error: errorMember(error) });
}

export function notificationFrame(method: string, params: unknown): string {
  return `${notificationStart(method)}${JSON.stringify(params)}}`;
}

/** What goes before the parameters of a notification; a brace closes it. */
export function notificationStart(method: string): string {
  return `{"jsonrpc":"2.0","method":"${method}","params":`;
}

function isMethod(name: string): name is Method {
  return Object.hasOwn(methods, name);
}

/**
 * The id under which to answer a frame that is not a request, or too large to be taken; it may stand anywhere in it. Null
 * where there is none: a message that is not a request cannot pass for a notification, so it is answered.
 */
export function readFrameId(text: string): RequestId {
  return asId(inspectFrame(text).id);
}

function asId(value: unknown): RequestId {
  const id = idSchema.safeParse(value);
  return id.success ? id.data : null;
}

function reject(error: ProtocolError, id: RequestId | undefined): { ok: false; rejection: Rejection } {
  return { ok: false, rejection: { error, id } };
}
