/** Sessions that stand in their cookie: good at each dashboard that shares the key, and nowhere else. */
import { describe, expect, test } from 'vitest';
import { createSealedSessions } from '../src/identity/sealed-sessions.ts';
import { createSessions } from '../src/identity/sessions.ts';

const OLD = 'an-old-key-of-dashboards-that-is-long-enough';
const NEW = 'a-new-key-of-dashboards-that-is-long-enough';
const KEY = 'key_0123456789abcdef.secret';

let clock = 0;
const dashboard = (...secrets: string[]) => {
  const own = createSessions({ lifeMs: 1_000, now: () => clock });
  return createSealedSessions({ secrets, lifeMs: 1_000, own, now: () => clock });
};

describe('a sealed session', () => {
  test('is good at each dashboard, also one that was started since, until its time is over', () => {
    const name = dashboard(OLD).begin(KEY);
    expect(name).toMatch(/^[\w-]{44,}$/);
    expect(name).not.toContain('secret');
    expect(Buffer.from(name, 'base64url').toString('latin1')).not.toContain('secret');
    expect(dashboard(OLD).keyOf(name)).toBe(KEY);
    clock += 1_000;
    expect(dashboard(OLD).keyOf(name)).toBeUndefined();
  });

  test('is nothing where it was changed, cut, made up, or sealed with another key', () => {
    const name = dashboard(OLD).begin(KEY);
    const flipped = Buffer.from(name, 'base64url');
    flipped[40]! ^= 1;
    for (const other of [
      flipped.toString('base64url'),
      name.slice(0, 60),
      'x'.repeat(80),
      'x'.repeat(43),
      '',
    ])
      expect(dashboard(OLD).keyOf(other)).toBeUndefined();
    expect(dashboard(NEW).keyOf(name)).toBeUndefined();
  });

  test('outlives a change of the key by overlap', () => {
    const [before, after] = [dashboard(OLD).begin(KEY), dashboard(NEW, OLD).begin(KEY)];
    expect(dashboard(NEW, OLD).keyOf(before)).toBe(KEY);
    expect(dashboard(NEW).keyOf(after)).toBe(KEY);
    expect(dashboard(NEW).keyOf(before)).toBeUndefined();
  });

  test('is over where somebody signed out of it, and no other is', () => {
    const here = dashboard(OLD);
    const [mine, other] = [here.begin(KEY), here.begin(KEY)];
    here.end(mine);
    expect([here.keyOf(mine), here.keyOf(other)]).toEqual([undefined, KEY]);
  });

  test('of a token that is too long for a cookie is kept by the process', () => {
    const here = dashboard(OLD);
    const token = 'x'.repeat(4_000);
    const name = here.begin(token);
    expect(name).toHaveLength(43);
    expect([here.keyOf(name), dashboard(OLD).keyOf(name)]).toEqual([token, undefined]);
    here.end(name);
    expect(here.keyOf(name)).toBeUndefined();
  });
});
