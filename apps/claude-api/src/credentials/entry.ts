/** A tenant's own credentials, as a store has them. Nothing of them stands in an error. */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Credentials } from '../cli-environment.ts';
import { isTenant } from '../tenants.ts';

const MEMBERS = 'an object of apiKey, authToken, oauthToken and baseUrl';

const secret = z
  .string('is no text')
  .regex(/^[\x21-\x7e]{1,4096}$/, 'is not 1 to 4,096 printable characters without a space')
  .optional();

const entrySchema = z
  .strictObject(
    {
      apiKey: secret,
      authToken: secret,
      oauthToken: secret,
      baseUrl: z.url({ protocol: /^https?$/, error: 'is no address of http or https' }).optional(),
    },
    { error: `is not ${MEMBERS}` },
  )
  // To an address alone the service's own key would be sent.
  .refine(({ apiKey, authToken, oauthToken }) => apiKey ?? authToken ?? oauthToken, {
    error: 'has no apiKey, authToken or oauthToken',
  });

export type TenantCredential = {
  /** What it is known by outside: it tells nothing of it, and is another one when it is. */
  readonly id: string;
  readonly credentials: Credentials;
};

/** What a store holds is not of its form. */
export class EntryFault extends Error {
  override readonly name = 'EntryFault';
}

/**
 * Takes one entry. Errors: `EntryFault`.
 *
 * @param salt keeps whoever does not know it from trying guesses at a weak secret against the id
 */
export function parseEntry(value: unknown, salt: string): TenantCredential {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new EntryFault([...(issue?.path ?? ['it']), issue?.message].join(' '));
  }
  const { apiKey, authToken, oauthToken, baseUrl } = parsed.data;
  const digest = createHmac('sha256', salt)
    .update(JSON.stringify([apiKey, authToken, oauthToken, baseUrl]))
    .digest('hex');
  return { id: `cred_${digest.slice(0, 12)}`, credentials: { apiKey, authToken, oauthToken, baseUrl } };
}

/** Takes those of all tenants, as JSON. Errors: `EntryFault`. */
export function parseEntries(text: string, salt: string): Map<string, TenantCredential> {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EntryFault(`it is no object that has ${MEMBERS} for each tenant`);
  }
  return new Map(
    Object.entries(value).map(([tenant, entry]) => {
      if (!isTenant(tenant)) throw new EntryFault('it has a name that no tenant can have');
      try {
        return [tenant, parseEntry(entry, salt)];
      } catch (error) {
        throw new EntryFault(`${tenant}: ${(error as Error).message}`);
      }
    }),
  );
}

/** Errors: `EntryFault`; that of the parser would quote the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new EntryFault('it is not JSON');
  }
}
