import { describe, expect, it } from 'vitest';
import { createHeartbeat } from '../src/heartbeat.ts';
import { createJobPosition } from '../src/job-position.ts';
import { createBackoff, wasGood } from '../src/reconnect.ts';

describe('position in a log', () => {
  it('takes the next event, drops what it has and refuses a hole', () => {
    const position = createJobPosition(3);
    expect(position.arrive(3)).toBe('duplicate');
    expect(position.arrive(5)).toBe('gap');
    expect(position.lastSeq).toBe(3);
    expect(position.arrive(4)).toBe('next');
    expect(position.lastSeq).toBe(4);
  });

  it('counts the tail as lost when nothing arrives for the grace after a heartbeat named more', () => {
    const position = createJobPosition(3);
    expect(position.hear(3, 0)).toBe(false);
    expect(position.tail(5_000, 1_000)).toBe('complete');
    expect(position.hear(5, 10_000)).toBe(true);
    expect(position.tail(10_999, 1_000)).toBe('coming');
    expect(position.tail(11_000, 1_000)).toBe('lost');
  });

  it('does not let frequent heartbeats put off the grace', () => {
    const position = createJobPosition(3);
    position.hear(5, 0);
    position.hear(5, 600);
    expect(position.tail(1_000, 1_000)).toBe('lost');
  });

  it('starts the grace anew while events flow', () => {
    const position = createJobPosition(3);
    position.hear(9, 0);
    position.arrive(4);
    expect(position.tail(1_000, 1_000)).toBe('coming');
    expect(position.tail(2_000, 1_000)).toBe('lost');
  });
});

describe('heartbeat', () => {
  it('lets two and a half heartbeats of silence pass', () => {
    const heartbeat = createHeartbeat(1_000, 0);
    expect(heartbeat.remainingMs(2_499)).toBe(1);
    expect(heartbeat.remainingMs(2_500)).toBe(0);
    heartbeat.seen(2_500);
    expect(heartbeat.remainingMs(2_500)).toBe(2_500);
  });

  it('wants the next sign of life sooner after a doubt, and no sooner after a second one', () => {
    const heartbeat = createHeartbeat(1_000, 0);
    heartbeat.doubt(100);
    expect(heartbeat.remainingMs(100)).toBe(1_500);
    heartbeat.doubt(200);
    expect(heartbeat.remainingMs(200)).toBe(1_400);
    heartbeat.seen(300);
    expect(heartbeat.remainingMs(300)).toBe(2_500);
  });
});

describe('backoff', () => {
  it('doubles up to the maximum with full jitter, and ends', () => {
    const backoff = createBackoff({ baseMs: 100, maxMs: 350, attempts: 4 }, () => 0.5);
    expect([backoff.next(), backoff.next(), backoff.next(), backoff.next()]).toEqual([50, 100, 175, 175]);
    expect(backoff.next()).toBeUndefined();
  });

  it('counts from the start after progress', () => {
    const backoff = createBackoff({ baseMs: 100, maxMs: 1_000, attempts: 1 }, () => 1);
    backoff.next();
    backoff.progress();
    expect(backoff.next()).toBe(100);
  });

  it('takes a connection that held for ten seconds as progress', () => {
    expect(wasGood(0, 9_999)).toBe(false);
    expect(wasGood(0, 10_000)).toBe(true);
  });
});
