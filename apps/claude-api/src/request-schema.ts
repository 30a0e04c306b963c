/** What callers may ask for. Unknown fields are ignored, for callers of the prototype send some. */
import { z } from 'zod';

/** No value can be taken for a flag of the command line that is built from it. */
const WORD = /^[A-Za-z0-9][\w.:/-]*$/;
const word = z
  .string()
  .max(256)
  .regex(WORD, 'must begin with a letter or a digit, and hold only letters, digits and _ . : / -');
const tool = z
  .string()
  .max(1_000)
  .regex(/^[^\s\p{Cc}-]\P{Cc}*$/u, 'may not be empty, nor begin with "-" or a blank');
const notYet = z.undefined({ error: 'is not supported yet' }).optional();

export const executeSchema = z.object({
  // A NUL cannot be handed to a program.
  question: z.string().min(1, 'is empty').max(2_000_000),
  executionId: word.max(128).optional(),
  model: word.optional(),
  appendSystemPrompt: z
    .string()
    .max(32_768)
    .regex(/^[^\0]*$/, 'may not hold a NUL')
    .optional(),
  allowedTools: z.array(tool).max(100).optional(),
  disallowedTools: z.array(tool).max(100).optional(),
  permissionMode: word.optional(),
  maxTurns: z.number().int().min(1).max(10_000).optional(),
  workspace: notYet,
  conversation: notYet,
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
