/** The setting that says where tenants' own credentials are. */
import { isAbsolute } from 'node:path';
import { z } from 'zod';

export type CredentialSource = { readonly kind: 'file' | 'env' | 'command'; readonly value: string };

export const credentialSource = () =>
  z
    .string()
    .transform((text, context): CredentialSource => {
      const [, kind, value = ''] = /^(file|env|command):(.+)$/s.exec(text) ?? [];
      if (kind === 'file' && isAbsolute(value)) return { kind, value };
      if (kind === 'env' && /^\w+$/.test(value)) return { kind, value };
      if (kind === 'command') return { kind, value };
      context.addIssue({ code: 'custom', message: 'is none of these' });
      return z.NEVER;
    })
    .describe('`file:` and an absolute path, `env:` and a variable, or `command:` and a command');
