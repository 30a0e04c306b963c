/**
 * Spares the embedded server copies. By itself it copies the whole value under a key at each write to it, and at each look
 * into a list or a sorted set: what a job puts out would cost the square of its length.
 */
import type { RedisServerState } from 'js-redis-server/core';

type Database = RedisServerState['databases'][number];
type Mutation = Parameters<Database['mutations']['emit']>[0];
type Value = Extract<Mutation, { type: 'write' }>['value'];

const start = { ms: 0n, seq: 0n };

/** Whoever hears of a write asks for the type of the value at most. */
const nothingOf: { readonly [T in Value['type']]: Extract<Value, { type: T }> } = {
  string: { type: 'string', value: Buffer.alloc(0) },
  hash: { type: 'hash', fields: new Map() },
  list: { type: 'list', values: [] },
  set: { type: 'set', members: new Map() },
  zset: { type: 'zset', members: new Map() },
  stream: {
    type: 'stream',
    entries: [],
    lastId: start,
    entriesAdded: 0,
    maxDeletedEntryId: start,
    groups: new Map(),
  },
};

/** To be called before the first command. */
export function spareCopies({ databases }: RedisServerState): void {
  for (const database of databases) {
    const { mutations } = database;
    const emit = mutations.emit.bind(mutations);
    mutations.emit = (event) =>
      emit(event.type === 'write' ? { ...event, value: nothingOf[event.value.type] } : event);

    // Commands change these values by other means, and look before they do so.
    const isThere = (key: Buffer) => database.getType(key) !== null;
    // biome-ignore-start lint/complexity/useLiteralKeys: they are private.
    database.getList = (key) => (isThere(key) ? database.updateList(key, (list) => list['list']) : null);
    database.getSortedSet = (key) =>
      isThere(key) ? database.updateSortedSet(key, (zset) => zset['zset']) : null;
    // biome-ignore-end lint/complexity/useLiteralKeys: they are private.
  }
}
