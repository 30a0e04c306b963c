/** What callers may ask for. Unknown fields are ignored, for callers of the prototype send some. */
import { optionSchemas } from '@cc-executor/claude-options/schema';
import { z } from 'zod';

const EXECUTION_ID = /^[A-Za-z0-9][\w.:/-]*$/;

const executeSchema = z.object({
  question: z.string().min(1, 'is empty').max(2_000_000),
  executionId: z
    .string()
    .max(128)
    .regex(EXECUTION_ID, 'must begin with a letter or a digit, and hold only letters, digits and _ . : / -')
    .optional(),
  timeoutMs: z.number().int().min(1).optional(),
  ...optionSchemas,
});

export type ExecuteBody = z.infer<typeof executeSchema>;

/** The body, or every fault in it as `field: what is wrong`. */
export function parseExecuteBody(body: unknown): { body: ExecuteBody } | { faults: string[] } {
  const result = executeSchema.safeParse(body);
  if (result.success) return { body: result.data };
  return {
    faults: result.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`),
  };
}
