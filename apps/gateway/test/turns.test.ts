import { expect, test } from 'vitest';
import { createTurns, type Turn } from '../src/doors/turns.ts';
import { untilTrue } from './harness.ts';

/** Keeps the processor busy, as a request does that is parsed. */
function work(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end; ) {
    // Nothing else.
  }
}

test('requests of one connection are begun one after another, not while somebody is calling', async () => {
  const turns = createTurns().of('acme');
  let left = 3;
  const turn = turns.add(() => {
    left -= 1;
    return left > 0;
  });
  turn.want();
  turn.want();
  expect(left).toBe(3);
  await untilTrue(() => left === 0);
});

test('who asks rarely is next, beside many that ask without end, however long each of their requests takes', async () => {
  const turns = createTurns().of('acme');
  const begun: string[] = [];
  let isOver = false;
  for (let i = 0; i < 20; i += 1) {
    const flood = turns.add(() => {
      begun.push(`flood ${i}`);
      work(2);
      return !isOver;
    });
    flood.want();
  }
  const rare = turns.add(() => {
    begun.push('rare');
    return false;
  });
  for (let asked = 1; asked <= 20; asked += 1) {
    await untilTrue(() => begun.length >= 40 + asked * 10);
    const before = begun.length;
    rare.want();
    await untilTrue(() => begun.includes('rare', before));
    // What is under way, and at most one more that has had as little.
    expect(begun.indexOf('rare', before) - before).toBeLessThan(3);
  }
  isOver = true;
});

test('those who ask without end share the time, not the number of requests', async () => {
  const turns = createTurns().of('acme');
  const begun = { long: 0, short: 0 };
  const add = (name: keyof typeof begun, ms: number) =>
    turns.add(() => {
      begun[name] += 1;
      work(ms);
      return begun.long < 20;
    });
  for (const turn of [add('long', 10), add('short', 1)]) turn.want();
  await untilTrue(() => begun.long === 20);
  expect(begun.short / begun.long).toBeGreaterThan(1.5);
});

test('who was idle has no claim to all the time that it did not use', async () => {
  const turns = createTurns().of('acme');
  const begun: string[] = [];
  const add = (name: string, count: number): Turn => {
    let left = count;
    return turns.add(() => {
      begun.push(name);
      work(1);
      left -= 1;
      return left > 0;
    });
  };
  add('busy', 250).want();
  await untilTrue(() => begun.length >= 100);
  const comesAt = begun.length;
  add('late', 100).want();
  await untilTrue(() => begun.length === 350);
  const meanwhile = begun.slice(comesAt, begun.lastIndexOf('late'));
  expect(meanwhile.filter((name) => name === 'busy').length).toBeGreaterThan(20);
});

test('other things have their turn meanwhile', async () => {
  const turns = createTurns().of('acme');
  let begun = 0;
  turns
    .add(() => {
      begun += 1;
      work(1);
      return begun < 100;
    })
    .want();
  await new Promise((resolve) => setTimeout(resolve, 1));
  expect(begun).toBeLessThan(50);
});

test('who has left is not asked again', async () => {
  const turns = createTurns().of('acme');
  let begun = 0;
  const leaving = turns.add(() => {
    begun += 1;
    return false;
  });
  leaving.want();
  leaving.leave();
  let isLater = false;
  turns
    .add(() => {
      isLater = true;
      return false;
    })
    .want();
  await untilTrue(() => isLater);
  expect(begun).toBe(0);
});

test('a tenant waits for none of the many connections of another one, which share what that has', async () => {
  const turns = createTurns();
  const begun: string[] = [];
  let isOver = false;
  const flood = (name: string) => {
    const busy = turns.of('loud').add(() => {
      begun.push(name);
      work(1);
      return !isOver;
    });
    busy.want();
  };
  for (let i = 0; i < 50; i += 1) flood(`loud ${i}`);
  let left = 100;
  const quiet = turns.of('quiet').add(() => {
    begun.push('quiet');
    work(1);
    left -= 1;
    return left > 0;
  });
  await untilTrue(() => begun.length >= 100);
  const comesAt = begun.length;
  quiet.want();
  await untilTrue(() => left === 0);
  isOver = true;
  const loud = begun.slice(comesAt, begun.lastIndexOf('quiet')).filter((name) => name !== 'quiet');
  // As much time for one as for the other, and that of the fifty goes round.
  expect(loud.length).toBeLessThan(150);
  expect(new Set(loud).size).toBeGreaterThan(10);
});

test('of a tenant that is held nothing is begun for a while, and of others at once', async () => {
  const turns = createTurns();
  const begun: string[] = [];
  const add = (tenant: string, count: number) => {
    let left = count;
    return turns.of(tenant).add(() => {
      begun.push(tenant);
      if (tenant === 'loud') turns.of(tenant).hold();
      left -= 1;
      return left > 0;
    });
  };
  const startedAt = performance.now();
  for (const turn of [add('loud', 5), add('loud', 5)]) turn.want();
  add('quiet', 50).want();
  await untilTrue(() => begun.filter((name) => name === 'quiet').length === 50);
  expect(begun.slice(0, 3)).toContain('quiet');
  await untilTrue(() => begun.length === 60);
  expect(performance.now() - startedAt).toBeGreaterThan(85);
});

test('whose request took long is held as many times as long', async () => {
  const turns = createTurns();
  const begunAt: number[] = [];
  const heavy = turns.of('loud').add(() => {
    begunAt.push(performance.now());
    work(12);
    // As when it is found out later that it was one too many.
    setImmediate(() => turns.of('loud').hold());
    return begunAt.length < 2;
  });
  heavy.want();
  await untilTrue(() => begunAt.length === 2);
  expect(begunAt[1]! - begunAt[0]!).toBeGreaterThan(120);
});
