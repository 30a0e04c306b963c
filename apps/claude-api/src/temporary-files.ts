/** What Claude Code keeps of a conversation in its temporary folder: `<temporary>/claude-<user>/<project>/<conversation>`. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where that may be, whether or not it is there. */
export async function temporaryFoldersOf(temporary: string, conversation: string): Promise<string[]> {
  const users = (await namesIn(temporary)).filter((name) => name.startsWith('claude-'));
  const projects = await pathsBelow(users.map((user) => join(temporary, user)));
  return projects.map((project) => join(project, conversation));
}

export async function pathsBelow(folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    folders.map(async (folder) => (await namesIn(folder)).map((name) => join(folder, name))),
  );
  return found.flat();
}

/** None when there is no such folder, or it is not ours. */
function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
