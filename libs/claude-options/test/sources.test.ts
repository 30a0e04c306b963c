/** What a job may begin from: which addresses there are, and at or below which the operator's word holds. */
import { expect, test } from 'vitest';
import { optionSchemas } from '../src/schema.ts';
import { isSourceAllowed, isSourceRule } from '../src/sources.ts';

const takes = (from: unknown) => optionSchemas.from.safeParse(from).success;

test('an address says where it leads, and nothing that Git could take for something else', () => {
  const good = ['https://github.com/acme/site.git', 'http://127.0.0.1:8080/a', 'https://[::1]:444/a%20b/c~d'];
  for (const git of good) expect(takes({ git }), git).toBe(true);
  expect(takes({ archive: 'https://files.example/a.tar.gz?X-Signature=a%2Fb' })).toBe(true);
  const bad = [
    ...[
      'file:///etc',
      'ssh://git@host/a',
      'git@host:a',
      'ext::sh -c id',
      '/etc',
      '--upload-pack=id',
      'ftp://h/a',
    ],
    ...[
      'https://user:password@host/a',
      'https://user@host/a',
      'https://host',
      'https://host/',
      'https://-host/a',
    ],
    ...['https://host/a#b', 'https://host/a?b', 'https://host/../a', 'https://host/a/..', 'https://host//a'],
    ...[
      'https://host/a%2e%2e/b',
      'https://host/a%2Fb',
      'https://host/a\\b',
      'https://host/a%00',
      'https://host/a b',
    ],
    ...[
      'https://host/a\n',
      'https://host\\@evil/a',
      `https://host/${'a'.repeat(2_048)}`,
      'https://höst/a',
      '',
    ],
  ];
  for (const git of bad) expect(takes({ git }), git).toBe(false);
});

test('a ref is a branch, a tag or a commit; a depth is bounded; nothing else goes with it', () => {
  const git = 'https://host/a';
  for (const ref of ['main', 'feature/a-b', 'v1.0+rc', '0'.repeat(40)])
    expect(takes({ git, ref }), ref).toBe(true);
  for (const ref of [
    '-x',
    '--upload-pack=id',
    'a..b',
    'a:b',
    '+a',
    'a b',
    'a^',
    'a~1',
    '@{u}',
    'a/',
    'a.lock',
    '',
  ]) {
    expect(takes({ git, ref }), ref).toBe(false);
  }
  expect([1, 1_000, 0, 1_001, 1.5].map((depth) => takes({ git, depth }))).toEqual([
    true,
    true,
    false,
    false,
    false,
  ]);
  const others = [{}, { git, archive: git }, { archive: git, ref: 'main' }, { git, branch: 'x' }, git, [git]];
  for (const from of others) expect(takes(from)).toBe(false);
});

test('what the operator names is allowed with what is below it, and nothing beside it', () => {
  const rules = ['https://github.com/acme', 'http://127.0.0.1:8080/', 'https://Files.example'];
  expect([...rules, 'https://*'].every(isSourceRule)).toBe(true);
  const allowed = [
    'https://github.com/acme',
    'https://GitHub.com:443/acme/site.git',
    'http://127.0.0.1:8080/a',
  ];
  for (const address of allowed) expect(isSourceAllowed(address, rules), address).toBe(true);
  const refused = [
    ...['https://github.com/acme2/site', 'https://github.com/other/acme', 'http://github.com/acme/site'],
    ...['https://github.com:444/acme/site', 'https://github.com.evil/acme/site', 'http://127.0.0.1/a'],
    ...[
      'https://x.files.example/a',
      'https://github.com/acme/../other/a',
      'https://host:99999/a',
      'no address',
    ],
  ];
  for (const address of refused) expect(isSourceAllowed(address, rules), address).toBe(false);
  expect(isSourceAllowed('https://any.example/a', ['https://*'])).toBe(true);
  expect(isSourceAllowed('http://any.example/a', ['https://*'])).toBe(false);
  expect(isSourceAllowed('https://any.example/a', [])).toBe(false);
  for (const rule of [
    '*',
    'http://*',
    'github.com',
    'https://*.example',
    'file:///',
    'https://u@host/',
    'https://host/a?b',
  ]) {
    expect(isSourceRule(rule), rule).toBe(false);
  }
});
