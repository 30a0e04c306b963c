/** The named workspaces as folders of files: finds them, and bounds how much is done in them at once. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openFolder } from './beneath.ts';
import { FileFault } from './fault.ts';
import { parsePath } from './path.ts';

const MAX_AT_ONCE = 16;
/** In the root, where no workspace can have this name. */
const ROOT_ID = '.id';

export type Workspaces = {
  /** The folder of all of them, without links. Errors: `workspaces_off`. */
  root(): Promise<string>;
  /** The same for all who keep this root, and for nobody else. */
  rootId(): Promise<string>;
  /** Opens a folder in one; the caller closes it. Errors: `workspace_not_found`, those of `openFolder`. */
  open(workspace: string, path?: string): Promise<FileHandle>;
  /** The path of one that is there, and no link. Errors: as `open`. */
  locate(workspace: string): Promise<string>;
  /** Takes one of the places for work; what it gives, gives it back. Errors: `files_busy`. */
  enter(): () => void;
};

/** @param workspacesDir undefined: there are none */
export function createWorkspaces(workspacesDir: string | undefined): Workspaces {
  let underWay = 0;

  async function root(): Promise<string> {
    if (workspacesDir === undefined) {
      throw new FileFault(
        'workspaces_off',
        'This server keeps no workspaces: its operator has not set CLAUDE_WORKSPACES_DIR',
      );
    }
    if (process.platform !== 'linux') {
      throw new FileFault('workspaces_off', 'Files are kept within their workspace on Linux only');
    }
    await mkdir(workspacesDir, { recursive: true, mode: 0o700 });
    return realpath(workspacesDir);
  }

  async function open(workspace: string, path = ''): Promise<FileHandle> {
    const names = parsePath(path);
    const folder = await openFolder(await root(), [workspace]).catch((error: unknown) => {
      if (!(error instanceof FileFault) || error.code !== 'file_not_found') throw error;
      throw new FileFault('workspace_not_found', `There is no workspace ${workspace}`);
    });
    if (names.length === 0) return folder;
    await folder.close();
    return openFolder(await root(), [workspace, ...names]);
  }

  return {
    root,
    open,
    async locate(workspace) {
      const folder = await open(workspace);
      await folder.close();
      return join(await root(), workspace);
    },
    async rootId() {
      const path = join(await root(), ROOT_ID);
      await writeFile(path, randomUUID(), { flag: 'wx', mode: 0o600 }).catch(unlessThere);
      return readFile(path, 'utf8');
    },
    enter() {
      if (underWay >= MAX_AT_ONCE) {
        throw new FileFault('files_busy', `${MAX_AT_ONCE} requests for files are under way already`);
      }
      underWay += 1;
      let isOver = false;
      return () => {
        if (!isOver) underWay -= 1;
        isOver = true;
      };
    },
  };
}

function unlessThere(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
