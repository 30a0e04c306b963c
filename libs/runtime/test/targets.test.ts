import { describe, expect, test } from 'vitest';
import { createTargetRules, hostOf, isTargetRule } from '../src/targets.ts';

const mayReach = (rules: string[], url: string, address: string) =>
  createTargetRules(rules).permitted(new URL(url), [address]).length === 1;

const SPECIAL = [
  ...['127.0.0.1', '0.0.0.0', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254'],
  ...['100.100.100.200', '192.0.0.192', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
  ...[
    '::1',
    '::',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '::127.0.0.1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
  ],
  ...['fd00:ec2::254', '64:ff9b::a9fe:a9fe', '2002:a00:1::1', '2001:0:a00::1', '2001:db8::1', 'ff02::1'],
];
const PUBLIC = ['93.184.215.14', '172.32.0.1', '100.128.0.1', '2606:2800:21f:cb07:6820:80da:af6b:8b2c'];

describe('without a rule', () => {
  test.each(SPECIAL)('nothing goes to %s', (address) => {
    expect(mayReach([], 'https://hooks.example.com/', address)).toBe(false);
  });

  test.each(PUBLIC)('https goes to %s, and http does not', (address) => {
    expect(mayReach([], 'https://hooks.example.com/', address)).toBe(true);
    expect(mayReach([], 'http://hooks.example.com/', address)).toBe(false);
  });

  test('of the addresses of a name those are left that it may go to', () => {
    const { permitted } = createTargetRules([]);
    const addresses = ['10.0.0.1', '93.184.215.14', 'none'];
    expect(permitted(new URL('https://hooks.example.com/'), addresses)).toEqual(['93.184.215.14']);
  });

  test.each([
    'https://2130706433/',
    'https://0x7f.1/',
    'https://0177.0.0.1/',
    'https://[::ffff:127.0.0.1]/',
    'https://127.0.0.1./',
    'http://93.184.215.14/',
    'http://hooks.example.com/',
  ])('%s is refused before anything is resolved', (url) => {
    expect(createTargetRules([]).findRefusal(new URL(url))).toBeDefined();
  });

  test.each(['https://hooks.example.com/', 'https://93.184.215.14/', 'https://localhost/'])(
    '%s is judged when its name is resolved, if at all',
    (url) => {
      expect(createTargetRules([]).findRefusal(new URL(url))).toBeUndefined();
    },
  );
});

describe('with rules', () => {
  const rules = ['10.1.0.0/16', '127.0.0.1', 'fd00::/8', 'hooks.internal'];

  test.each([
    ['10.1.2.3', true],
    ['10.2.0.1', false],
    ['127.0.0.1', true],
    ['::ffff:127.0.0.1', true],
    ['127.0.0.2', false],
    ['fd12::1', true],
    ['fe80::1', false],
    ['93.184.215.14', false],
  ])('over http %s may be reached: %s', (address, may) => {
    expect(mayReach(rules, 'http://hooks.example.com/', address)).toBe(may);
  });

  test('a name that is allowed may have any address, and no other name has', () => {
    expect(mayReach(rules, 'http://HOOKS.internal./', '192.168.7.7')).toBe(true);
    expect(mayReach(rules, 'http://not.hooks.internal/', '192.168.7.7')).toBe(false);
  });

  test('an address in a URL is judged at once', () => {
    const { findRefusal } = createTargetRules(rules);
    expect(findRefusal(new URL('http://127.0.0.1:8080/'))).toBeUndefined();
    expect(findRefusal(new URL('https://127.0.0.2/'))).toBe('127.0.0.2 is not allowed');
    expect(findRefusal(new URL('http://hooks.example.com/'))).toBeUndefined();
  });
});

test.each([
  ['10.0.0.0/8', true],
  ['::1', true],
  ['fd00::/8', true],
  ['hooks.internal', true],
  ['receiver', true],
  ['10.0.0.0/33', false],
  ['10.0.0.0/8/8', false],
  ['hooks.internal/8', false],
  ['https://hooks.internal', false],
  ['*', false],
  ['', false],
])('%s is a rule: %s', (text, isOne) => {
  expect(isTargetRule(text)).toBe(isOne);
});

test('the host of a URL is what can be resolved', () => {
  expect(hostOf(new URL('https://[::1]:8443/'))).toBe('::1');
  expect(hostOf(new URL('https://Hooks.Example.com.:8443/'))).toBe('hooks.example.com');
});
