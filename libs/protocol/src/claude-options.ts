/**
 * The options of Claude Code that an `execute` may carry; claude-api has the last word on each. No value can be taken
 * for a flag of the command line that is built from it. The rules of the newer ones are claude-api's own, and a test
 * holds the two equal.
 */
import { z } from 'zod';

const word = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^-\s]/, 'may not begin with "-" or a space');
const text = z.string().regex(/^[^\0]*$/, 'may not hold a NUL');
const MODEL = /^[A-Za-z0-9][\w.:/@-]*(\[\w+\])?$/;
const name = z
  .string()
  .max(64)
  .regex(
    /^[A-Za-z0-9][\w-]*$/,
    'must begin with a letter or a digit, and hold only letters, digits, _ and -',
  );

export const claudeOptions = {
  model: word.optional(),
  /** Tried when the model is overloaded; several are separated by commas. */
  fallbackModel: z
    .string()
    .max(1_024)
    .refine((value) => value.split(',').every((part) => MODEL.test(part)), {
      error: 'must be the name of a model, or several separated by commas',
    })
    .optional(),
  appendSystemPrompt: z.string().max(32_768).optional(),
  allowedTools: z.array(word).max(100).optional(),
  disallowedTools: z.array(word).max(100).optional(),
  permissionMode: word.optional(),
  maxTurns: z.number().int().min(1).max(10_000).optional(),
  maxBudgetUsd: z.number().positive().max(1_000_000).optional(),
  effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
  /** Directories on claude-api's machine. */
  addDirs: z.array(text.min(1).max(1_024).startsWith('/', 'must be an absolute path')).max(20).optional(),
  /** Names of configurations that claude-api's operator has put there. */
  mcpConfig: z.union([name, z.array(name).max(10)]).optional(),
  env: z.record(z.string().regex(/^[A-Za-z_]\w{0,127}$/, 'is no name'), text.max(32_768)).optional(),
  workspace: word.optional(),
  conversation: word.optional(),
};
