/** What callers may ask for. Unknown fields are ignored, for callers of the prototype send some. */
import { z } from 'zod';

/** No value can be taken for a flag of the command line that is built from it. */
const WORD = /^[A-Za-z0-9][\w.:/-]*$/;
const word = z
  .string()
  .max(256)
  .regex(WORD, 'must begin with a letter or a digit, and hold only letters, digits and _ . : / -');
/** A model may have a suffix: `sonnet[1m]`. A list of them is for fallbacks only. */
const MODEL = /^[A-Za-z0-9][\w.:/@-]*(\[\w+\])?$/;
const model = z
  .string()
  .max(256)
  .regex(MODEL, 'must be the name of a model: letters, digits and _ . : / @ -, perhaps a suffix like [1m]');
/** One rule only: Claude Code takes commas and blanks outside of the brackets for the next rule. */
const TOOL = /^[A-Za-z][\w*-]*(?:\([^()\p{Cc}]*\))?$/u;
const tool = z.string().max(1_000).regex(TOOL, 'must be one tool, perhaps with a pattern: Bash(git log:*)');
const name = z
  .string()
  .max(64)
  .regex(
    /^[A-Za-z0-9][\w-]*$/,
    'must begin with a letter or a digit, and hold only letters, digits, _ and -',
  );
const text = z.string().regex(/^[^\0]*$/, 'may not hold a NUL');
const directory = text.min(1).max(1_024).startsWith('/', 'must be an absolute path');

export const EFFORTS = ['low', 'medium', 'high', 'xhigh', 'max'] as const;

export const executeSchema = z.object({
  // A NUL cannot be handed to a program.
  question: z.string().min(1, 'is empty').max(2_000_000),
  executionId: word.max(128).optional(),
  timeoutMs: z.number().int().min(1).optional(),
  model: model.optional(),
  fallbackModel: z
    .string()
    .refine((value) => value.split(',').every((part) => MODEL.test(part)), {
      error: 'must be the name of a model, or several separated by commas',
    })
    .optional(),
  appendSystemPrompt: text.max(32_768).optional(),
  allowedTools: z.array(tool).max(100).optional(),
  disallowedTools: z.array(tool).max(100).optional(),
  permissionMode: z
    .string()
    .regex(/^[A-Za-z]{1,64}$/, 'must be a word')
    .optional(),
  maxTurns: z.number().int().min(1).max(10_000).optional(),
  maxBudgetUsd: z.number().positive().max(1_000_000).optional(),
  effort: z.enum(EFFORTS).optional(),
  addDirs: z.array(directory).max(20).optional(),
  mcpConfig: z.union([name.transform((value) => [value]), z.array(name).max(10)]).optional(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w{0,127}$/, 'is no name'), text.max(32_768)).optional(),
  workspace: name.optional(),
  conversation: z.uuid('must be a conversation that an earlier result named').toLowerCase().optional(),
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
