/** Which commit a workspace is at, read without asking Git: what it would be told in the workspace may mean harm. */
import type { FileHandle } from 'node:fs/promises';
import { openFile, openFolder } from './beneath.ts';
import { asFileFault, FileFault } from './fault.ts';
import { parsePath } from './path.ts';

/** A file of all references may be long. */
const MAX_BYTES = 16 * 1024 * 1024;
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * @param workspace its path, without links
 * @returns an empty commit before the first one; undefined where there is no repository
 * Errors: `diff_unavailable` where it is of a kind that is not known here; those of `openFolder`.
 */
export async function findHead(workspace: string): Promise<{ commit: string } | undefined> {
  const head = await read(workspace, ['.git', 'HEAD']);
  return head === undefined ? undefined : { commit: await resolveHead(workspace, head) };
}

async function resolveHead(workspace: string, head: string): Promise<string> {
  const [, reference] = /^ref: (refs\/.+)$/.exec(head) ?? [];
  if (reference === undefined) return commitOf(head);
  if (reference === 'refs/heads/.invalid') {
    throw new FileFault(
      'diff_unavailable',
      'The repository keeps its references in a form that is not read here',
    );
  }
  const loose = await read(workspace, ['.git', ...parsePath(reference)]);
  if (loose !== undefined) return commitOf(loose);
  const packed = (await read(workspace, ['.git', 'packed-refs'])) ?? '';
  const line = packed.split('\n').find((each) => each.endsWith(` ${reference}`));
  return line === undefined ? '' : commitOf(line.split(' ', 1)[0] ?? '');
}

function commitOf(text: string): string {
  if (COMMIT.test(text)) return text;
  throw new FileFault('diff_unavailable', 'The repository does not say at which commit it is');
}

async function read(root: string, names: readonly string[]): Promise<string | undefined> {
  let folder: FileHandle | undefined;
  try {
    folder = await openFolder(root, names.slice(0, -1));
    const { file, stat } = await openFile(folder, names.at(-1) ?? '');
    try {
      if (stat.size > MAX_BYTES) throw new FileFault('file_too_large', `${names.join('/')} is too large`);
      return (await file.readFile('utf8')).trimEnd();
    } finally {
      await file.close();
    }
  } catch (error) {
    const fault = asFileFault(error, names.join('/'));
    if (fault instanceof FileFault && fault.code === 'file_not_found') return undefined;
    throw fault;
  } finally {
    await folder?.close();
  }
}
