import { describe, expect, it } from 'vitest';
import { describeAddress, parseRedisUrl, RedisAddressError } from '../src/index.ts';

const plain = {
  kind: 'single',
  endpoints: [{ host: 'localhost', port: 6379 }],
  tls: false,
  username: undefined,
  password: undefined,
  db: 0,
  masterName: undefined,
  sentinelUsername: undefined,
  sentinelPassword: undefined,
};

describe('a REDIS_URL', () => {
  it.each([
    ['redis://localhost', plain],
    ['redis://localhost/', plain],
    ['redis://localhost:7000/3', { ...plain, endpoints: [{ host: 'localhost', port: 7000 }], db: 3 }],
    ['rediss://localhost', { ...plain, tls: true }],
    ['redis://secret@localhost', { ...plain, password: 'secret' }],
    ['redis://:secret@localhost', { ...plain, password: 'secret' }],
    ['redis://me:secret@localhost', { ...plain, username: 'me', password: 'secret' }],
    ['redis://me:a%40b%2Fc%3Ad@localhost', { ...plain, username: 'me', password: 'a@b/c:d' }],
    ['redis://:p@ss/w:rd@localhost', { ...plain, password: 'p@ss/w:rd' }],
    ['redis://@localhost', plain],
    ['redis://[::1]', { ...plain, endpoints: [{ host: '::1', port: 6379 }] }],
    ['redis://[fe80::1]:7000/1', { ...plain, endpoints: [{ host: 'fe80::1', port: 7000 }], db: 1 }],
    [
      'redis+sentinel://:s@a,b:26380,[::1]/mymaster/2',
      {
        ...plain,
        kind: 'sentinel',
        endpoints: [
          { host: 'a', port: 26379 },
          { host: 'b', port: 26380 },
          { host: '::1', port: 26379 },
        ],
        password: 's',
        db: 2,
        masterName: 'mymaster',
      },
    ],
    [
      'redis+sentinel://:s@a/mymaster/2?sentinelPassword=p%26q&sentinelUsername=me',
      {
        ...plain,
        kind: 'sentinel',
        endpoints: [{ host: 'a', port: 26379 }],
        password: 's',
        db: 2,
        masterName: 'mymaster',
        sentinelUsername: 'me',
        sentinelPassword: 'p&q',
      },
    ],
    [
      'rediss+sentinel://a/mymaster',
      {
        ...plain,
        kind: 'sentinel',
        endpoints: [{ host: 'a', port: 26379 }],
        tls: true,
        masterName: 'mymaster',
      },
    ],
    [
      'rediss+cluster://me:s@a,b:7000',
      {
        ...plain,
        kind: 'cluster',
        endpoints: [
          { host: 'a', port: 6379 },
          { host: 'b', port: 7000 },
        ],
        tls: true,
        username: 'me',
        password: 's',
      },
    ],
  ])('is read: %s', (url, expected) => {
    expect(parseRedisUrl(url)).toEqual(expected);
  });

  it.each([
    ['', 'expected redis://'],
    ['localhost:6379', 'expected redis://'],
    ['http://localhost', 'expected redis://'],
    ['redis+magic://localhost', 'expected redis://'],
    ['redis://', 'expected redis://'],
    ['redis://localhost:0', 'is not host or host:port'],
    ['redis://localhost:65536', 'is not host or host:port'],
    ['redis://localhost:port', 'is not host or host:port'],
    ['redis://::1', 'is not host or host:port'],
    ['redis://a,,b', 'is not host or host:port'],
    ['redis://a,b', 'several hosts need'],
    ['redis://localhost/db', 'is not a database number'],
    ['redis://localhost/-1', 'is not a database number'],
    ['redis://localhost/0/1', 'is not /db'],
    ['redis+sentinel://a:26379', 'needs the name of the master'],
    ['redis+sentinel://a/mymaster/x', 'is not a database number'],
    ['redis+sentinel://a/mymaster/0/1', 'is not /db'],
    ['redis+cluster://a/1', 'no databases'],
    ['redis://a/0?sentinelPassword=s', 'for Sentinel only'],
    ['redis+sentinel://a/mymaster?password=s', 'only ?sentinelPassword='],
    ['redis+sentinel://a/mymaster?sentinelUsername=me', 'only ?sentinelPassword='],
  ])('is refused with a reason: %s', (url, reason) => {
    expect(() => parseRedisUrl(url)).toThrow(RedisAddressError);
    expect(() => parseRedisUrl(url)).toThrow(reason);
  });

  it.each([
    'redis://:hunter2%@localhost',
    'redis://:hunter2@',
    'redis://:hunter2@host:x',
    'redis://:hun/ter2@host/9/hunter2@x:y',
    'http://:hunter2@host',
    'redis://hunter2@a,b',
    'redis+sentinel://:hunter2@a',
    'redis+sentinel://a?sentinelPassword=hunter2',
    'redis+sentinel://a/b/c/d?sentinelPassword=hunter2',
    'redis+sentinel://a/b?sentinelPassword=hunter2%',
    'redis+sentinel://a/b?hunter2',
    'redis://a/0?password=hunter2',
  ])('does not show its password when it is refused: %s', (url) => {
    let message = '';
    try {
      parseRedisUrl(url);
    } catch (error) {
      expect(error).toBeInstanceOf(RedisAddressError);
      message = (error as Error).message;
    }
    expect(message).not.toBe('');
    expect(message).not.toMatch(/hun|ter2/);
  });

  it.each([
    ['rediss://me:secret@localhost/3', 'rediss://localhost:6379'],
    ['redis://[::1]:7000', 'redis://[::1]:7000'],
    ['redis+sentinel://:s@a,b/mymaster?sentinelPassword=s', 'redis+sentinel://a:26379,b:26379/mymaster'],
    ['redis+cluster://a', 'redis+cluster://a:6379'],
  ])('is described without credentials: %s', (url, words) => {
    expect(describeAddress(parseRedisUrl(url))).toBe(words);
  });
});
