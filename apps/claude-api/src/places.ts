/**
 * Where executions run, and which conversation they belong to. Without a workspace that is a folder of the
 * conversation's own, made empty for the run and removed after it; its path stays the same, so that a conversation
 * goes on where it was. A named workspace is kept below the configured root.
 * Invariants: one run at a time in a workspace, and in a conversation; no path leads out of its root.
 */
import { randomUUID } from 'node:crypto';
import { lstat, mkdir, readdir, realpath, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { claimPrivateFolder, type Logger } from '@cc-executor/runtime';
import type { ConversationFolders } from './conversation-folders.ts';
import type { ExecutionRequest } from './engine.ts';
import { acquireLock, type FolderLock } from './folder-lock.ts';
import { STAGING } from './sources/beginnings.ts';
import { findConversation, type TranscriptFile } from './transcripts.ts';
import { forgetSnapshot } from './workspaces/snapshot.ts';

const FRESH = /^execution-([0-9a-f-]{36})$/;
/** What is there for a run only. */
const PASSING = /^(?:execution|temporary|config)-([0-9a-f-]{36})$/;
const RETRY_AFTER_SECONDS = 5;

export type Place = {
  readonly cwd: string;
  readonly conversation: string;
  /** It is a named one, which is kept. */
  readonly isWorkspace: boolean;
  /** The conversation goes on; its transcript so far. */
  readonly earlier?: TranscriptFile | undefined;
  /** The place could not be made. */
  readonly failure?: { readonly code: string; readonly message: string };
  /** Gives it back, and removes what is not to be kept. Idempotent. */
  release(): Promise<void>;
};

export type PlaceRefusal = {
  readonly statusCode: 400 | 403 | 404 | 409;
  readonly code:
    | 'workspaces_off'
    | 'workspace_invalid'
    | 'workspace_busy'
    | 'conversation_unknown'
    | 'conversation_elsewhere'
    | 'conversation_busy';
  readonly message: string;
  readonly retryAfterSeconds?: number;
};

export type Places = {
  open(request: ExecutionRequest): Promise<{ place: Place } | PlaceRefusal>;
  /** Removes what runs of processes which have ended left behind; gives the number of those runs. */
  sweep(): Promise<number>;
};

export type PlacesOptions = {
  readonly workDir: string;
  /** Undefined: there are no named workspaces. */
  readonly workspacesDir: string | undefined;
  readonly folders: ConversationFolders;
  readonly logger: Logger;
};

export function createPlaces(options: PlacesOptions): Places {
  const { workDir, workspacesDir, folders, logger } = options;

  async function open(request: ExecutionRequest): Promise<{ place: Place } | PlaceRefusal> {
    const earlier =
      request.conversation === undefined
        ? undefined
        : await findConversation(
            folders.configOf(request.tenant, request.conversation),
            request.conversation,
          );
    const home = earlier === undefined ? undefined : await whereIs(earlier);
    if (request.conversation !== undefined && home === undefined) {
      const message = `There is no conversation ${request.conversation} here: it was never begun, or is no longer kept`;
      return { statusCode: 404, code: 'conversation_unknown', message };
    }
    if (home !== undefined && request.workspace !== undefined && request.workspace !== home.workspace) {
      const where = home.workspace === undefined ? 'no workspace' : `the workspace ${home.workspace}`;
      const message = `The conversation ${request.conversation} belongs to ${where}`;
      return { statusCode: 400, code: 'conversation_elsewhere', message };
    }
    const conversation = request.conversation ?? randomUUID();
    const workspace = request.workspace ?? home?.workspace;
    const locks: FolderLock[] = [];
    const letGo = () => Promise.all(locks.map((lock) => lock.release()));
    try {
      // What clears temporary folders may have removed it, and another user have made it anew.
      claimPrivateFolder(workDir);
      const forConversation = await acquireLock(join(workDir, 'locks', conversation));
      if (forConversation === undefined) return busy('conversation', conversation);
      locks.push(forConversation);
      const cwd =
        workspace === undefined ? await makeFresh(conversation) : await openWorkspace(workspace, locks);
      if (typeof cwd !== 'string') {
        await letGo();
        return cwd;
      }
      await folders.open(request.tenant, conversation);
      let released: Promise<unknown> | undefined;
      async function giveBack() {
        if (workspace === undefined) await removeFresh(cwd as string);
        await folders.close(request.tenant, conversation);
        await letGo();
      }
      async function release() {
        released ??= giveBack();
        await released;
      }
      return { place: { cwd, conversation, isWorkspace: workspace !== undefined, earlier, release } };
    } catch (err) {
      logger.error({ err, executionId: request.executionId }, 'no folder to run in');
      await letGo();
      const { code, message } = err as NodeJS.ErrnoException;
      const failure = {
        code: 'work_folder',
        message: `The folder for the execution could not be made: ${code ?? message}`,
      };
      return { place: { cwd: '', conversation, isWorkspace: false, failure, release: async () => {} } };
    }
  }

  async function makeFresh(conversation: string): Promise<string> {
    const cwd = join(await realpath(workDir), `execution-${conversation}`);
    await rm(cwd, { recursive: true, force: true });
    await mkdir(cwd, { mode: 0o700 });
    return cwd;
  }

  async function removeFresh(cwd: string): Promise<void> {
    await forgetSnapshot(cwd).catch(() => undefined);
    await rm(cwd, { recursive: true, force: true, maxRetries: 3 }).catch((err: unknown) => {
      logger.warn({ err, folder: cwd }, 'folder not removed');
    });
  }

  async function openWorkspace(name: string, locks: FolderLock[]): Promise<string | PlaceRefusal> {
    if (workspacesDir === undefined) {
      const message = 'This server keeps no workspaces: its operator has not set CLAUDE_WORKSPACES_DIR';
      return { statusCode: 403, code: 'workspaces_off', message };
    }
    await mkdir(workspacesDir, { recursive: true, mode: 0o700 });
    const root = await realpath(workspacesDir);
    const lock = await acquireLock(join(root, '.locks', name));
    if (lock === undefined) return busy('workspace', name);
    locks.push(lock);
    const cwd = join(root, name);
    await mkdir(cwd, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    // A run may have put a link in place of its folder; it leads nowhere from here.
    if ((await lstat(cwd)).isDirectory()) return cwd;
    const message = `The workspace ${name} is not a folder`;
    return { statusCode: 400, code: 'workspace_invalid', message };
  }

  /** Conversations that were not begun here (by the same user in a terminal, say) are none of the callers' business. */
  async function whereIs({ cwd }: TranscriptFile): Promise<{ workspace: string | undefined } | undefined> {
    const name = cwd.slice(dirname(cwd).length).replace(/^\//, '');
    const isAt = async (root: string | undefined) =>
      root !== undefined && dirname(cwd) === (await realpath(root).catch(() => undefined));
    if (FRESH.test(name) && (await isAt(workDir))) return { workspace: undefined };
    return (await isAt(workspacesDir)) ? { workspace: name } : undefined;
  }

  async function sweep(): Promise<number> {
    let removed = 0;
    const names = await readdir(workDir).catch(() => [] as string[]);
    const left = Map.groupBy(names, (name) => PASSING.exec(name)?.[1]);
    left.delete(undefined);
    for (const [conversation = '', ofIt] of left) {
      const lock = await acquireLock(join(workDir, 'locks', conversation));
      if (lock === undefined) continue;
      for (const name of ofIt) {
        await forgetSnapshot(join(workDir, name));
        await rm(join(workDir, name), { recursive: true, force: true, maxRetries: 3 });
      }
      await lock.release();
      removed += 1;
    }
    return removed + (workspacesDir === undefined ? 0 : await sweepStaged(workspacesDir));
  }

  return { open, sweep };
}

/** What was to become a workspace, and nobody fills any more. */
async function sweepStaged(root: string): Promise<number> {
  let removed = 0;
  for (const name of await readdir(join(root, STAGING)).catch(() => [] as string[])) {
    const lock = await acquireLock(join(root, '.locks', name));
    if (lock === undefined) continue;
    await rm(join(root, STAGING, name), { recursive: true, force: true, maxRetries: 3 });
    await lock.release();
    removed += 1;
  }
  return removed;
}

function busy(what: 'workspace' | 'conversation', name: string): PlaceRefusal {
  return {
    statusCode: 409,
    code: `${what}_busy`,
    message: `The ${what} ${name} is in use by another execution`,
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  };
}
