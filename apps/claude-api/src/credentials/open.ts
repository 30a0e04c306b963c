/** Opens the store of tenants' credentials that the operator names. */
import { ConfigError, type Logger } from '@cc-executor/runtime';
import type { Environment } from '../cli-environment.ts';
import { openCommand } from './command.ts';
import type { CredentialSource } from './source.ts';
import type { CredentialStore } from './store.ts';
import { openFile, openVariable } from './table.ts';

/** Opens it. Errors: `ConfigError`. */
export function openCredentialStore(
  { kind, value }: CredentialSource,
  options: { app: string; environment: Environment; salt: string; maxAgeMs: number; logger: Logger },
): CredentialStore {
  const { app, environment, salt, logger } = options;
  try {
    if (kind === 'command') return openCommand(value, options);
    return kind === 'file' ? openFile(value, salt, logger) : openVariable(value, environment, salt);
  } catch (error) {
    throw new ConfigError(app, [`CLAUDE_CREDENTIALS names ${value}: ${(error as Error).message}`]);
  }
}
