/**
 * The file of keys: JSON that only its owner may read, with digests in place of secrets. It is changed by renaming a new
 * one over it, so that whoever reads it finds a whole one; two who change it at once exclude each other.
 */
import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { whyNotPrivate } from '@cc-executor/runtime/private-file';
import { z } from 'zod';
import { scopes, tenantSchema } from './identity.ts';
import { keyLimitsSchema, limitsSchema } from './limits.ts';

const time = z.number().int().nonnegative();

const keySchema = z.strictObject({
  id: z.string().regex(/^key_[0-9a-f]{16}$/),
  label: z.string().min(1).max(128),
  tenant: tenantSchema,
  scopes: z.array(z.enum(scopes)).min(1),
  /** The newest first. One with `until` is on its way out. */
  secrets: z
    .array(z.strictObject({ sha256: z.string().regex(/^[0-9a-f]{64}$/), until: time.optional() }))
    .min(1)
    .max(2),
  createdAt: time,
  expiresAt: time.optional(),
  limits: keyLimitsSchema.optional(),
});

const fileSchema = z
  .strictObject({
    version: z.literal(1),
    keys: z.array(keySchema),
    tenants: z.record(tenantSchema, z.strictObject({ limits: limitsSchema.optional() })).optional(),
  })
  .refine(({ keys }) => new Set(keys.map(({ id }) => id)).size === keys.length, {
    message: 'two keys have the same id',
  });

/** A key as it is kept. Times are Unix times in ms. */
export type Key = z.infer<typeof keySchema>;

/** The keys, and what holds for tenants. */
export type KeyFile = Pick<z.infer<typeof fileSchema>, 'tenants'> & { keys: readonly Key[] };

const EMPTY: KeyFile = { keys: [] };

/** The file cannot be used. The message names it and says why; nothing of its content stands in it. */
export class KeyFileError extends Error {
  override readonly name = 'KeyFileError';
}

/** Reads it. Errors: `KeyFileError`. */
export function readKeyFile(path: string): KeyFile {
  const parsed = fileSchema.safeParse(readJson(path));
  if (parsed.success) return parsed.data;
  const { path: where = [], message } = parsed.error.issues[0] ?? {};
  throw new KeyFileError(`${path} is no file of keys: ${[...where, message].join('.')}`);
}

function readJson(path: string): unknown {
  try {
    const why = whyNotPrivate(path);
    if (why !== undefined) throw new KeyFileError(`${path} ${why}`);
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error instanceof KeyFileError) throw error;
    const why = error instanceof SyntaxError ? 'it is not JSON' : (error as NodeJS.ErrnoException).code;
    throw new KeyFileError(`${path} cannot be read: ${why}`);
  }
}

/**
 * Changes it in one step; one that is not there counts as empty.
 *
 * @param edit gives it as it is to be; what it throws leaves the file as it is
 * @throws KeyFileError
 */
export function editKeyFile(path: string, edit: (file: KeyFile) => KeyFile): void {
  const next = `${path}.new`;
  const descriptor = claim(next, path);
  try {
    const edited = edit(isThere(path) ? readKeyFile(path) : EMPTY);
    writeSync(descriptor, `${JSON.stringify({ ...edited, version: 1 }, undefined, 2)}\n`);
    fsyncSync(descriptor);
    renameSync(next, path);
  } catch (error) {
    unlinkSync(next);
    throw error;
  } finally {
    closeSync(descriptor);
  }
}

/** Whoever has made the file that is to replace it is the one who changes it. */
function claim(next: string, path: string): number {
  try {
    return openSync(next, 'wx', 0o600);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? `somebody else is at it; if nobody is, remove ${next}` : code;
    throw new KeyFileError(`${path} cannot be changed: ${why}`);
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}
