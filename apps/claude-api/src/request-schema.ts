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

/** A longer list is refused unseen, and of more faults than this the rest is not named: each costs memory. */
const MAX_MEMBERS = 10_000;
const MAX_NAMED_FAULTS = 50;

/** The body, or every fault in it as `field: what is wrong`. */
export function parseExecuteBody(body: unknown): { body: ExecuteBody } | { faults: string[] } {
  const overlong = Object.entries(isObject(body) ? body : {}).filter(
    ([, value]) => countMembers(value) > MAX_MEMBERS,
  );
  if (overlong.length > 0) {
    const names = overlong.slice(0, MAX_NAMED_FAULTS).map(([name]) => name.slice(0, 64));
    return { faults: names.map((name) => `${name}: has more than ${MAX_MEMBERS} members`) };
  }
  const result = executeSchema.safeParse(body);
  if (result.success) return { body: result.data };
  return {
    faults: result.error.issues
      .slice(0, MAX_NAMED_FAULTS)
      .map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`),
  };
}

function countMembers(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return isObject(value) ? Object.keys(value).length : 0;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
