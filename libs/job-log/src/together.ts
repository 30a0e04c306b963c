/** Calls that are made in one turn of the event loop, made together: each costs Redis and both ends less so. */

/** One script is not to hold up Redis for others. */
const MOST_AT_ONCE = 64;

/**
 * Makes a function that resolves when the call with this item is done, as all that are given with it for the same group, with what
 * the call gives for it, in the order of the items.
 */
export function together<T, R = void>(
  call: (items: readonly T[]) => Promise<readonly R[]>,
): (group: string, item: T) => Promise<R> {
  let groups = new Map<string, { items: T[]; done: Promise<readonly R[]> }>();
  return async (group, item) => {
    let one = groups.get(group);
    if (!one || one.items.length === MOST_AT_ONCE) {
      if (groups.size === 0) {
        process.nextTick(() => {
          groups = new Map();
        });
      }
      const items: T[] = [];
      const done = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => call(items));
      one = { items, done };
      groups.set(group, one);
    }
    const place = one.items.push(item) - 1;
    return (await one.done)[place] as R;
  };
}
