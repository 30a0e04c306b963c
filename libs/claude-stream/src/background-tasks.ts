/** Reads which tasks run in the background. Bounded: what a model writes into a description may be long. */
import type { BackgroundTask } from '@cc-executor/protocol';
import { isObject, type JsonObject, stringOf } from './stream-line.ts';

const MAX_TASKS = 20;
const MAX_TEXT = 200;

/** Of a `background_tasks_changed` line, or a `complete` line; undefined when it does not say. */
export function readBackgroundTasks(tasks: unknown): BackgroundTask[] | undefined {
  if (!Array.isArray(tasks)) return undefined;
  return tasks.filter(isObject).slice(0, MAX_TASKS).map(readTask);
}

function readTask(task: JsonObject): BackgroundTask {
  const type = cut(task.task_type ?? task.type);
  const description = cut(task.description);
  return {
    id: cut(task.task_id ?? task.id) ?? '',
    ...(type !== undefined && { type }),
    ...(description !== undefined && { description }),
  };
}

function cut(value: unknown): string | undefined {
  const text = stringOf(value);
  // A cut may not leave half a character.
  return text === undefined || text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT).toWellFormed();
}
