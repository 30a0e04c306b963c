/**
 * Keeps the architecture what docs/architecture.md says it is. The first half applies the rules to the
 * repository; the second shows on small sources that each rule finds what it is for.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  checkDeclared,
  checkDirection,
  checkEnvironment,
  checkExports,
  checkLength,
  checkNames,
  checkOwners,
  checkRooms,
  checkUnusedDeclarations,
  checkUnusedDirections,
  packageOf,
} from './architecture/rules.ts';
import { findImports, readSources, type SourceFile } from './architecture/source.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const files = readSources(root, ['apps', 'libs', 'tests', 'tools', 'bench']);
const sources = files.filter(({ path }) => packageOf(path) !== undefined);
const manifests = Object.fromEntries(
  [...new Set(sources.map(({ path }) => packageOf(path)!))].map((folder) => [
    folder,
    JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8')),
  ]),
);

describe('in this repository', () => {
  test('sources are found in every package', () => {
    expect(Object.keys(manifests)).toEqual(
      expect.arrayContaining(['apps/gateway', 'libs/protocol', 'libs/runtime']),
    );
  });

  test('imports follow the direction', () => {
    expect([...checkDirection(sources), ...checkUnusedDirections(sources)]).toEqual([]);
  });

  test('rooms of a package know only their neighbours', () => {
    expect(checkRooms(sources)).toEqual([]);
  });

  test('every imported package is declared, and every declared one of ours imported', () => {
    const unused = checkUnusedDeclarations(sources, manifests);
    expect([...checkDeclared(sources, manifests), ...unused]).toEqual([]);
  });

  test('BullMQ, Redis, undici, fastify, WebSockets and HTTP servers are used only by their owners', () => {
    expect(checkOwners(sources)).toEqual([]);
  });

  test('the environment is read in one place', () => {
    expect(checkEnvironment(sources)).toEqual([]);
  });

  test('exports are named', () => {
    expect(checkExports(sources)).toEqual([]);
  });

  test('files are short and have names that say something', () => {
    expect([...checkLength(files), ...checkNames(files)]).toEqual([]);
  });
});

/** Files that each hold one line of code, by path. */
function make(lines: Record<string, string>): SourceFile[] {
  return Object.entries(lines).map(([path, line]) => ({ path, text: `// first line\n${line}\n` }));
}

describe('the rules', () => {
  test('find imports of every form, and none in comments', () => {
    const text = [
      "import a from 'a';",
      'import {',
      '  b,',
      "} from 'b';",
      "import type { C } from 'c';",
      "export { d } from 'd';",
      "import 'e';",
      "const f = await import('f');",
      "const g = require('g');",
      "// import h from 'h';",
      "/* import('i') */",
      'const url = "http://j"; // import("k")',
      'export const l = "from";',
    ].join('\n');
    expect(findImports(text).map(({ specifier, line }) => `${specifier}:${line}`)).toEqual([
      ...['a:1', 'b:4', 'c:5', 'd:6', 'e:7', 'f:8', 'g:9'],
    ]);
  });

  test('report a forbidden direction with file and line', () => {
    const found = checkDirection(
      make({
        'libs/protocol/src/a.ts': "import { x } from '@cc-executor/runtime';",
        'apps/gateway/src/b.ts': "import { x } from '@cc-executor/worker';",
        'apps/worker/src/c.ts': "await import('@cc-executor/testing');",
        'apps/worker/src/deep/d.ts': "import { x } from '../../../gateway/src/x.ts';",
        'libs/unlisted/src/e.ts': "import { x } from './x.ts';",
        'apps/gateway/src/f.ts': "import { x } from '@cc-executor/queue';",
        'apps/worker/src/deep/g.ts': "import { x } from '../x.ts';",
        'libs/protocol/test/h.ts': "import { x } from '@cc-executor/testing';",
      }),
    );
    expect(found).toEqual([
      'libs/protocol/src/a.ts:2: libs/protocol may not import @cc-executor/runtime',
      'apps/gateway/src/b.ts:2: apps/gateway may not import @cc-executor/worker',
      'apps/worker/src/c.ts:2: apps/worker may not import @cc-executor/testing',
      'apps/worker/src/deep/d.ts:2: ../../../gateway/src/x.ts reaches out of apps/worker/src',
      'libs/unlisted/src/e.ts:2: libs/unlisted is not in the list of import directions',
    ]);
  });

  test('tell imports of types from others', () => {
    const text = [
      "import type { A } from 'a';",
      "export type { B } from 'b';",
      "import { type C, d } from 'c';",
      "import typeless from 'e';",
      "await import('f');",
    ].join('\n');
    const types = findImports(text).filter(({ isType }) => isType);
    expect(types.map(({ specifier }) => specifier)).toEqual(['a', 'b']);
  });

  test('report an import of a room that is not next door, and of a package that is not for the room', () => {
    const found = checkRooms(
      make({
        'apps/gateway/src/operations/a.ts': "import { x } from '../doors/x.ts';",
        'apps/gateway/src/operations/b.ts': "import type { IncomingMessage } from 'node:http';",
        'apps/gateway/src/operations/c.ts': "import { x } from '../listening/x.ts';",
        'apps/gateway/src/listening/d.ts': "import { x } from '../operations/x.ts';",
        'apps/gateway/src/doors/e.ts': "import { attach } from '@cc-executor/job-log';",
        'apps/gateway/src/doors/f.ts': "import type { Position } from '@cc-executor/job-log';",
        'apps/gateway/src/doors/g.ts': "import { x } from '../server.ts';",
        'apps/gateway/src/doors/deep/h.ts': "import { x } from '../x.ts';",
        'apps/gateway/src/cellar/i.ts': "import { x } from './x.ts';",
        'apps/gateway/src/main.ts': "import { x } from './doors/x.ts';",
      }),
    );
    expect(found).toEqual([
      'apps/gateway/src/operations/a.ts:2: operations may not import from doors',
      'apps/gateway/src/operations/b.ts:2: operations may not import node:http',
      'apps/gateway/src/listening/d.ts:2: listening may not import from operations',
      'apps/gateway/src/doors/e.ts:2: doors may import types of @cc-executor/job-log, and nothing else',
      'apps/gateway/src/doors/g.ts:2: doors may not import from server.ts',
      'apps/gateway/src/cellar/i.ts:2: cellar is not in the list of rooms of apps/gateway',
    ]);
  });

  test('report a package that is imported but not declared', () => {
    const found = checkDeclared(
      make({
        'libs/queue/src/a.ts': "import { Queue } from 'bullmq';",
        'libs/queue/src/b.ts': "import { z } from '@scope/zod/mini';",
        'libs/queue/src/c.ts': "import { readFileSync } from 'node:fs';",
      }),
      { 'libs/queue': { dependencies: { bullmq: '1.0.0' } } },
    );
    expect(found).toEqual([
      'libs/queue/src/b.ts:2: @scope/zod is not a dependency in libs/queue/package.json',
    ]);
  });

  test('report a direction and a declaration that no source needs', () => {
    const files = make({
      'apps/worker/src/a.ts': "import type { X } from '@cc-executor/queue/deep';",
      'libs/queue/test/b.ts': "import { x } from '@cc-executor/testing';",
    });
    expect(checkUnusedDirections(files, { 'apps/worker': ['queue', 'redis'] })).toEqual([
      'apps/worker: may import @cc-executor/redis, but does not',
    ]);
    const dependencies = { '@cc-executor/testing': '0.1.0', bullmq: '1.0.0' };
    const declared = { 'libs/queue': { dependencies }, 'apps/worker': {} };
    expect(checkUnusedDeclarations(files, declared)).toEqual([
      'libs/queue/package.json: @cc-executor/testing is a dependency, but no source imports it',
    ]);
  });

  test('report a package, a WebSocket or an HTTP server used by others than its owners', () => {
    const found = checkOwners(
      make({
        'apps/gateway/src/a.ts': "import { Queue } from 'bullmq';",
        'libs/queue/src/b.ts': "import { Queue } from 'bullmq';",
        'apps/worker/src/c.ts': "const socket = new WebSocket('ws://x');",
        'libs/client/src/d.ts': "const socket = new WebSocket('ws://x');",
        'apps/worker/src/e.ts': "import { createServer, type Server } from 'node:http';",
        'apps/worker/src/f.ts': "import { createServer } from 'node:net';",
        'libs/service/src/g.ts': "import { createServer } from 'node:http';",
      }),
    );
    expect(found).toEqual([
      'apps/gateway/src/a.ts:2: only libs/queue may import bullmq',
      'apps/worker/src/c.ts:2: only apps/gateway, libs/client, libs/testing may open a WebSocket',
      'apps/worker/src/e.ts:2: only libs/service, libs/testing may make an HTTP server',
    ]);
  });

  test('report a use of the environment, and an excuse that is not needed', () => {
    const excused = { 'apps/cli/src/up.ts': 'hands it on', 'apps/cli/src/old.ts': 'did, once' };
    const found = checkEnvironment(
      make({
        'apps/gateway/src/a.ts': 'const port = process.env.PORT;',
        'apps/gateway/src/b.ts': "import { env } from 'node:process';",
        'apps/gateway/src/config.ts': 'loadConfig(settings, process.env);',
        'apps/worker/src/config.ts': "const port = process.env['PORT'];",
        'libs/runtime/src/config.ts': 'const env = process.env;',
        'apps/cli/src/up.ts': 'spawn(file, { env: process.env }); spawn(process.env.SHELL);',
        'apps/cli/src/old.ts': 'spawn(file);',
      }),
      excused,
    );
    expect(found).toEqual([
      'apps/gateway/src/a.ts:2: process.env. is used outside of libs/runtime',
      "apps/gateway/src/b.ts:2: 'node:process' is used outside of libs/runtime",
      'apps/worker/src/config.ts:2: process.env[ is used outside of libs/runtime',
      'apps/cli/src/up.ts:2: process.env. is used outside of libs/runtime',
      'apps/cli/src/old.ts:1: is excused for using the environment, but does not',
    ]);
  });

  test('report export *, long files and vague names', () => {
    expect(checkExports(make({ 'libs/queue/src/index.ts': "export * from './a.ts';" }))).toHaveLength(1);
    expect(checkLength([{ path: 'a.ts', text: 'x\n'.repeat(401) }])).toEqual([
      'a.ts:401: has 401 lines; at most 400 are allowed',
    ]);
    expect(checkLength([{ path: 'a.ts', text: 'x\n'.repeat(400) }])).toEqual([]);
    const vague = [
      'libs/utils/src/a.ts',
      'libs/a/src/redis-helper.ts',
      'apps/a/src/job-manager.ts',
      'common.ts',
    ];
    const clear = ['libs/a/src/commonplace.ts', 'libs/a/src/managed.ts'];
    expect(checkNames([...vague, ...clear].map((path) => ({ path, text: '' })))).toHaveLength(vague.length);
  });
});
