/** What the embedded server hands around when it is looked into, or written to. */
import { RedisServerState } from 'js-redis-server/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { spareCopies } from '../src/embedded-copies.ts';

const [listKey, zsetKey, element] = [Buffer.from('list'), Buffer.from('zset'), Buffer.from('x')];

let state: RedisServerState;
let database: RedisServerState['databases'][number];
beforeEach(() => {
  state = new RedisServerState();
  spareCopies(state);
  database = state.getDatabase(0);
  database.updateList(listKey, (list) => list.pushRight([element]));
  database.updateSortedSet(zsetKey, (zset) => zset.setScore(element, 7));
});
afterEach(() => state.close());

test('a list and a sorted set are looked into as they are', () => {
  expect(database.getList(listKey)?.values).toEqual([element]);
  expect(database.getList(listKey)).toBe(database.getList(listKey));
  expect([...(database.getSortedSet(zsetKey)?.members.values() ?? [])]).toEqual([
    { member: element, score: 7 },
  ]);
  expect(database.getSortedSet(zsetKey)).toBe(database.getSortedSet(zsetKey));
});

test('what is not there stays so when it is looked for, and what is of another type is refused', () => {
  const missing = Buffer.from('missing');
  expect([database.getList(missing), database.getSortedSet(missing)]).toEqual([null, null]);
  expect(database.size()).toBe(2);
  expect(() => database.getList(zsetKey)).toThrow('wrong kind of value');
  expect(() => database.getSortedSet(listKey)).toThrow('wrong kind of value');
});

test('a write is heard of with the type of its value, but not with a copy of it', () => {
  const heard: unknown[] = [];
  database.subscribe((event) => heard.push(event));
  database.updateList(listKey, (list) => list.pushRight([element]));
  expect(heard).toMatchObject([{ type: 'write', key: listKey, value: { type: 'list', values: [] } }]);
  expect(database.getList(listKey)?.values).toHaveLength(2);
});
