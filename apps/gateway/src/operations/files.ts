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
import {
  ProtocolError,
  type ProtocolErrorCode,
  type Result,
  type TerminalEvent,
} from '@cc-executor/protocol';
import type { Session } from './session.ts';

export type Files = {
  /**
   * Asks for what a session's workspace has. Nothing is waited for any longer when the signal aborts.
   * Errors: `workspaces_off`, `workspace_not_found`, `workspace_ambiguous`, `file_…`, `invalid_params`, `unavailable`.
   */
  ask(session: Session, request: FilesRequest, signal?: AbortSignal): Promise<FilesAnswer>;
  /** What a job of the session's has changed, as it was when the job ended. Errors: `diff_unavailable`, `unavailable`. */
  jobDiff(session: Session, job: Result<'get'>, signal: AbortSignal): Promise<FilesAnswer>;
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

type Asked = Pick<ClaudeApiClient, 'files' | 'diff'>;

/** @param parts.claudeApi undefined: the gateway is not told where it is */
export function createFiles({ claudeApi }: { claudeApi: Asked | undefined }): Files {
  async function told<T>({ logger }: Session, ask: (claudeApi: Asked) => Promise<T>): Promise<T> {
    if (claudeApi === undefined) {
      throw new ProtocolError(
        'workspaces_off',
        'This gateway is not told where claude-api is (CLAUDE_API_URL)',
      );
    }
    try {
      return await ask(claudeApi);
    } catch (error) {
      if (!(error instanceof FilesError)) throw error;
      const code = CODES[error.code];
      if (code !== undefined) throw new ProtocolError(code, error.message);
      logger.warn({ err: error, code: error.code }, 'claude-api gives no files');
      throw new ProtocolError('unavailable', error.message, RETRY_AFTER_MS);
    }
  }

  return {
    ask(session, request, signal = NEVER) {
      const workspace = tenantWorkspace(session.tenant, request.workspace);
      return told(session, ({ files }) => files({ ...request, workspace }, signal));
    },
    async jobDiff(session, job, signal) {
      const { diff: kept, executionId } = (job.terminal ?? {}) as Partial<TerminalEvent>;
      if (kept === undefined || executionId === undefined) {
        throw new ProtocolError('diff_unavailable', `No diff of ${job.jobId} is kept`);
      }
      return told(session, ({ diff }) => diff(executionId, session.tenant, signal));
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
