/** Errors as they are answered: as a JSON-RPC member, and over HTTP as a problem. */
import { z } from 'zod';
import { type ProtocolErrorCode, protocolErrors } from './error-codes.ts';

/** `error.data` of a JSON-RPC error response. */
const errorDataSchema = z.object({
  code: z.enum(Object.keys(protocolErrors) as [ProtocolErrorCode, ...ProtocolErrorCode[]]),
  retryable: z.boolean(),
  retryAfterMs: z.number().int().nonnegative().optional(),
});

/** An error that answers a request. Its message is for people; programs read `code`. */
export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ProtocolErrorCode,
    message: string = protocolErrors[code].description,
    retryAfterMs?: number,
  ) {
    super(message);
    this.name = 'ProtocolError';
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The `error` member of a JSON-RPC response. */
export function errorMember(error: ProtocolError): z.infer<typeof errorMemberSchema> {
  const { rpcCode, retryable } = protocolErrors[error.code];
  return {
    code: rpcCode,
    message: error.message,
    data: {
      code: error.code,
      retryable,
      ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
    },
  };
}

/** The body of an HTTP answer that is an error (RFC 9457). */
export const problemSchema = z.object({
  /** Where the code is explained. */
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  detail: z.string(),
  ...errorDataSchema.shape,
});

/** An error as the HTTP door answers it. */
export function problemOf(error: ProtocolError): z.infer<typeof problemSchema> {
  const { httpStatus, description } = protocolErrors[error.code];
  return {
    type: `/v1/docs#${error.code}`,
    title: description,
    status: httpStatus,
    detail: error.message,
    ...errorMember(error).data,
  };
}

export const errorMemberSchema = z.object({
  code: z.number().int(),
  message: z.string(),
  data: errorDataSchema,
});
