/**
 * Checks what a gateway answers against the shapes that are made of the schema, in a few hundred bytes instead of a schema
 * library. Members that a shape does not name pass: a newer gateway may send them.
 */
export type Shape = string | readonly [Shape] | { readonly [name: string]: Shape };

const ID = /^[a-z]+_(?=[0-9a-f]{32}$)/;

/**
 * What kinds of value the words of a shape stand for. A word that ends with `_` is the prefix of an id; any other is one of
 * the values themselves, with `|` between.
 */
const KINDS: Record<string, (value: unknown, shape: string) => boolean> = {
  string: isOfType,
  boolean: isOfType,
  integer: Number.isSafeInteger,
  count: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  positive: (value) => Number.isSafeInteger(value) && (value as number) > 0,
};

/** Where a value departs from its shape, as a path; undefined: nowhere. */
export function findFault(shape: Shape, value: unknown, path = 'value'): string | undefined {
  if (typeof shape === 'string') {
    const fits = KINDS[shape] ?? (shape.endsWith('_') ? hasPrefix : isWord);
    return fits(value, shape) ? undefined : path;
  }
  if (isList(shape)) {
    if (!Array.isArray(value)) return path;
    return firstFault(value.entries(), ([i, item]) => findFault(shape[0], item, `${path}.${i}`));
  }
  if (!isObject(value)) return path;
  return firstFault(Object.entries(shape), ([member, inner]) => {
    const name = member.replace('?', '');
    if (name !== member && value[name] === undefined) return undefined;
    return findFault(inner, value[name], `${path}.${name}`);
  });
}

function isOfType(value: unknown, type: string): boolean {
  return typeof value === type;
}

function hasPrefix(value: unknown, prefix: string): boolean {
  return typeof value === 'string' && ID.exec(value)?.[0] === prefix;
}

function isWord(value: unknown, words: string): boolean {
  return typeof value === 'string' && words.split('|').includes(value);
}

function firstFault<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const fault = find(item);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** Of an event only the head is looked at: events are the hot path, and a newer gateway's may have more. */
export function isEvent(value: unknown): boolean {
  return findFault(EVENT, value) === undefined;
}

const EVENT = { jobId: 'string', epoch: 'string', seq: 'positive', type: 'string' };

function isList(shape: Exclude<Shape, string>): shape is readonly [Shape] {
  return Array.isArray(shape);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
