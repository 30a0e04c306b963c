/** Calls that are made in one turn of the event loop, made together: each costs Redis and both ends less so. */

/** One script is not to hold up Redis for others. */
const MOST_AT_ONCE = 64;

/** Makes a function that resolves when the call with this item is done, as all that are given with it for the same group. */
export function together<T>(
  call: (items: readonly T[]) => Promise<void>,
): (group: string, item: T) => Promise<void> {
  let groups = new Map<string, { items: T[]; done: Promise<void> }>();
  return (group, item) => {
    const known = groups.get(group);
    if (known && known.items.length < MOST_AT_ONCE) {
      known.items.push(item);
      return known.done;
    }
    if (groups.size === 0) {
      process.nextTick(() => {
        groups = new Map();
      });
    }
    const items = [item];
    const done = new Promise<void>((resolve) => process.nextTick(resolve)).then(() => call(items));
    groups.set(group, { items, done });
    return done;
  };
}
