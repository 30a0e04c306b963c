/**
 * Knows what Claude Code runs in the background: which tasks, and whether they still put something out. Their output goes
 * to files of Claude Code's, not to the stream, so that without a look at them a busy task would be taken for a silent one.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackgroundTask, StreamEvent } from '@cc-executor/claude-stream';
import { pathsBelow, temporaryFoldersOf } from './temporary-files.ts';

export type BackgroundWatch = {
  follow(event: StreamEvent): void;
  readonly tasks: readonly BackgroundTask[];
  /** Whether a task has put something out since this was last asked. */
  hasPutOut(): Promise<boolean>;
};

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
  const conversations = await temporaryFoldersOf(temporary, conversation);
  const files = (await pathsBelow(conversations.map((folder) => join(folder, 'tasks')))).filter((file) =>
    file.endsWith('.output'),
  );
  const sizes = await Promise.all(files.map(async (file) => (await stat(file).catch(() => undefined))?.size));
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}
