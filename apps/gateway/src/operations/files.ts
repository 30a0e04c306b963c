/**
 * The files of workspaces, which claude-api has: a gateway asks it itself, since what may be large should not pass through
 * Redis. Its refusals are told as ours.
 */
import {
  type ClaudeApiClient,
  type FilesAnswer,
  FilesError,
  type FilesRequest,
} from '@cc-executor/claude-api-client';
import { tenantWorkspace } from '@cc-executor/claude-options/tenant-workspace';
import { ProtocolError, type ProtocolErrorCode } from '@cc-executor/protocol';
import type { Session } from './session.ts';

export type Files = {
  /**
   * Asks for what a session's workspace has. Nothing is waited for any longer when the signal aborts.
   * Errors: `workspaces_off`, `workspace_not_found`, `workspace_ambiguous`, `file_…`, `invalid_params`, `unavailable`.
   */
  ask(session: Session, request: FilesRequest, signal?: AbortSignal): Promise<FilesAnswer>;
};

const CODES: Partial<Record<string, ProtocolErrorCode>> = {
  workspaces_off: 'workspaces_off',
  workspace_not_found: 'workspace_not_found',
  workspace_ambiguous: 'workspace_ambiguous',
  file_not_found: 'file_not_found',
  file_refused: 'file_refused',
  file_changed: 'file_changed',
  file_too_large: 'file_too_large',
  diff_unavailable: 'diff_unavailable',
  path_invalid: 'invalid_params',
  digest_mismatch: 'invalid_params',
};
/** claude-api has enough to do, or is about to be back. */
const RETRY_AFTER_MS = 1_000;
const NEVER = new AbortController().signal;

/** @param parts.claudeApi undefined: the gateway is not told where it is */
export function createFiles({ claudeApi }: { claudeApi: Pick<ClaudeApiClient, 'files'> | undefined }): Files {
  return {
    async ask({ tenant, logger }, request, signal = NEVER) {
      if (claudeApi === undefined) {
        throw new ProtocolError(
          'workspaces_off',
          'This gateway is not told where claude-api is (CLAUDE_API_URL)',
        );
      }
      try {
        const workspace = tenantWorkspace(tenant, request.workspace);
        return await claudeApi.files({ ...request, workspace }, signal);
      } catch (error) {
        if (!(error instanceof FilesError)) throw error;
        const code = CODES[error.code];
        if (code !== undefined) throw new ProtocolError(code, error.message);
        logger.warn({ err: error, code: error.code }, 'claude-api gives no files');
        throw new ProtocolError('unavailable', error.message, RETRY_AFTER_MS);
      }
    },
  };
}

/** A path as it stands in an address. */
export function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/** What is given of a query; nothing for nothing. */
export function encodeQuery(
  members: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const given = Object.entries(members).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, String(value)]],
  );
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}
