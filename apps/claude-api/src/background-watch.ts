/**
 * Knows what Claude Code runs in the background: which tasks, and whether they still put something out. Their output goes
 * to files of Claude Code's, not to the stream, so that without a look at them a busy task would be taken for a silent one.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackgroundTask, StreamEvent } from '@cc-executor/claude-stream';

export interface BackgroundWatch {
  follow(event: StreamEvent): void;
  readonly tasks: readonly BackgroundTask[];
  /** Whether a task has put something out since this was last asked. */
  hasPutOut(): Promise<boolean>;
}

/** @param readBytes how much all tasks of a conversation have put out */
export function createBackgroundWatch(readBytes: (conversation: string) => Promise<number>): BackgroundWatch {
  let tasks: readonly BackgroundTask[] = [];
  let conversation = '';
  let seen = 0;
  return {
    follow(event) {
      if (event.type === 'background') tasks = event.tasks;
      else if (event.type === 'session') conversation = event.sessionId;
    },
    get tasks() {
      return tasks;
    },
    async hasPutOut() {
      if (tasks.length === 0 || conversation === '') return false;
      const before = seen;
      seen = await readBytes(conversation);
      return seen > before;
    },
  };
}

/** The size of `<temporary>/claude-<user>/<project>/<conversation>/tasks/*.output`; 0 when there is none. */
export async function readTaskOutput(temporary: string, conversation: string): Promise<number> {
  const users = (await names(temporary)).filter((name) => name.startsWith('claude-'));
  const projects = await below(users.map((user) => join(temporary, user)));
  const folders = projects.map((project) => join(project, conversation, 'tasks'));
  const files = (await below(folders)).filter((file) => file.endsWith('.output'));
  const sizes = await Promise.all(files.map(async (file) => (await stat(file).catch(() => undefined))?.size));
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}

async function below(folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    folders.map(async (folder) => (await names(folder)).map((name) => join(folder, name))),
  );
  return found.flat();
}

/** None when there is no such folder, or it is not ours. */
function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
