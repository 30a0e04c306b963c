/**
 * Looks at the text of a frame, or of the body of an HTTP request, before anything is built of it: how deep it is nested, how many values it holds, and
 * whether its names and strings are such that what is read is what was written. It also finds the request's id, so that
 * a refusal can be answered under it.
 *
 * One pass, without recursion. Of a text that is no JSON it may say anything: `JSON.parse` decides about that.
 */
import { MAX_FRAME_DEPTH, MAX_FRAME_VALUES } from './limits.ts';

export type FrameShape = {
  /** Why the frame cannot be taken, in words. */
  fault: string | undefined;
  /** What stands as `id` in the outermost object, whatever it is. */
  id: unknown;
};

/** Longer names are cut where a fault names them (UTF-16 units). */
const SHOWN_NAME_LENGTH = 64;

/**
 * Looks at a frame; of one that is refused for other reasons, only its id counts.
 * @param what how a fault names it
 */
export function inspectFrame(text: string, what: 'frame' | 'body' = 'frame'): FrameShape {
  /** Of each open container: the names so far of an object, undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let depth = 0;
  let values = 0;
  let expectsName = false;
  let fault: string | undefined;
  let id: unknown;

  function enter(names: Set<string> | undefined): void {
    depth += 1;
    if (depth > MAX_FRAME_DEPTH) fault ??= `The ${what} is nested more than ${MAX_FRAME_DEPTH} deep.`;
    else open.push(names);
    expectsName = names !== undefined;
    count();
  }

  function leave(): void {
    if (depth > 0 && depth <= MAX_FRAME_DEPTH) open.pop();
    depth = Math.max(depth - 1, 0);
    expectsName = false;
  }

  function count(): void {
    values += 1;
    if (values > MAX_FRAME_VALUES) fault ??= `The ${what} holds more than ${MAX_FRAME_VALUES} values.`;
  }

  /** `end` is where the string's closing quote stands. */
  function takeString(start: number, end: number): void {
    const json = text.slice(start, end + 1);
    if (mayHoldSurrogate.test(json) && !isWellFormed(json)) {
      fault ??= `The ${what} holds half of a surrogate pair: no text has one.`;
    }
    if (!expectsName || depth > MAX_FRAME_DEPTH) return;
    expectsName = false;
    const name = json.includes('\\') ? String(parse(json)) : json.slice(1, -1);
    const names = fault === undefined ? open.at(-1) : undefined;
    const shown = name.slice(0, SHOWN_NAME_LENGTH);
    if (names?.has(name)) fault ??= `The name '${shown}' stands twice in one object.`;
    if (name === '__proto__') fault ??= `The name '${shown}' is not allowed.`;
    names?.add(name);
    if (depth === 1 && name === 'id' && id === undefined) id = parse(scalarAfterColon(text, end + 1));
  }

  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = closingQuote(text, at + 1);
        takeString(at, end);
        at = end;
        break;
      }
      case BRACE:
        enter(new Set());
        break;
      case BRACKET:
        enter(undefined);
        break;
      case CLOSING_BRACE:
      case CLOSING_BRACKET:
        leave();
        break;
      case COMMA:
        expectsName = depth <= MAX_FRAME_DEPTH && open.at(-1) !== undefined;
        count();
        break;
    }
  }
  return { fault, id };
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** An escape that may be one, though the backslash before it may be escaped itself. */
const mayHoldSurrogate = /\\u[dD][89a-fA-F]/;
const scalar = /\s*:\s*("(?:[^"\\]|\\.){0,2000}"|[^\s",:[\]{}]{1,2000})/y;

/** Where the string that begins before `from` ends; the end of the text when it does not. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = at;
    while (escapes > from && text.charCodeAt(escapes - 1) === BACKSLASH) escapes -= 1;
    if ((at - escapes) % 2 === 0) return at;
  }
  return text.length;
}

function scalarAfterColon(text: string, from: number): string {
  scalar.lastIndex = from;
  return scalar.exec(text)?.[1] ?? '';
}

function isWellFormed(json: string): boolean {
  const value = parse(json);
  return typeof value !== 'string' || value.isWellFormed();
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
