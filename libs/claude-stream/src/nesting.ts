/**
 * Bounds how deep a line is nested. What tools print has any depth; writing it as JSON recurses, here and wherever the
 * events are read, and a depth of some thousands ends in an error there.
 */
import type { JsonObject } from './stream-line.ts';

/** Far beyond what tools are asked with and answer, and far below what any reader of JSON takes. */
const MAX_DEPTH = 100;

const NOTE = `[nested more than ${MAX_DEPTH} deep: left out]`;

/** Puts a note in the place of whatever lies deeper; changes the value itself. `line` is the text it was read from. */
export function boundNesting(value: JsonObject, line: string): void {
  // The brackets alone are longer.
  if (line.length <= 2 * MAX_DEPTH) return;
  let level: JsonObject[] = [value];
  for (let depth = 1; level.length > 0; depth += 1) {
    const deeper: JsonObject[] = [];
    for (const container of level) {
      for (const [name, member] of Object.entries(container)) {
        if (typeof member !== 'object' || member === null) continue;
        if (depth === MAX_DEPTH) container[name] = NOTE;
        else deeper.push(member as JsonObject);
      }
    }
    level = deeper;
  }
}
