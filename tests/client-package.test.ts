/** The SDK and its hooks as others get them: packed from a clone, installed into an empty project. */
import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  completed,
  output,
  queued,
  scriptJob,
  started,
  startScriptedGateway,
} from '../libs/client/test/scripted-gateway.ts';
import { type CleanProject, makeCleanProject, run } from './package/clean-project.ts';

/** As Rolldown, that is Vite, makes it. esbuild's, which `npm run test:package` weighs, is 500 bytes larger, and has 12 KB. */
const MAX_BUNDLE_BYTES = 11.5 * 1024;
const tsc = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
/** It copies the checkout and runs npm three times, each time with two compilers below. */
const PACK_WITHIN_MS = 180_000;

let project: CleanProject;
beforeAll(async () => {
  project = await makeCleanProject();
}, PACK_WITHIN_MS);
afterAll(() => project.remove());

const installed = (file: string, library = 'client') =>
  join(project.folder, 'node_modules/@cc-executor', library, file);

describe('the packed SDK', () => {
  test('has a README, the licence and a source map, and depends on nothing', () => {
    for (const file of ['README.md', 'LICENSE', 'dist/index.js.map']) {
      expect(existsSync(installed(file)), file).toBe(true);
    }
    const manifest = JSON.parse(readFileSync(installed('package.json'), 'utf8'));
    expect(manifest).toMatchObject({ dependencies: {}, exports: { '.': { default: './dist/index.js' } } });
    expect(manifest.scripts).toBeUndefined();
  });

  test('has hooks beside it, which share it with the program', () => {
    for (const file of ['README.md', 'LICENSE', 'dist/index.js.map']) {
      expect(existsSync(installed(file, 'react')), file).toBe(true);
    }
    const script = readFileSync(installed('dist/index.js', 'react'), 'utf8');
    const imported = [...script.matchAll(/from ["']([^"']+)["']/g)].map(([, name]) => name);
    expect(new Set(imported)).toEqual(new Set(['@cc-executor/client', 'react']));
  });

  test('runs a job in plain JavaScript', async () => {
    const gateway = await startScriptedGateway();
    const program = run(process.execPath, ['run.mjs', gateway.url], { cwd: project.folder });
    const connection = await gateway.accept();
    const job = scriptJob();
    connection.reply(await connection.expect('execute'), job.accepted);
    const bodies = [queued, started, output('Hello.'), completed];
    for (const [i, body] of bodies.entries()) connection.notify('event', job.event(i + 1, body));
    const { stdout } = await program;
    const types = ['queued', 'started', 'output', 'completed'];
    expect(JSON.parse(stdout)).toEqual({ types, answer: 'Hello.', end: 'completed' });
    await gateway.close();
  });

  test.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])('has types for a strict program, module %s', async (module, moduleResolution) => {
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'es2023', lib: ['es2023', 'dom'], types: [], noEmit: true },
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
      skipLibCheck: false,
    };
    const config = `tsconfig.${moduleResolution}.json`;
    await writeFile(
      join(project.folder, config),
      JSON.stringify({ compilerOptions, files: ['strict.ts', 'hooks.ts'] }),
    );
    const said = await run(tsc, ['-p', config], { cwd: project.folder }).catch(({ stdout }) => stdout);
    expect(said).toEqual({ stdout: '', stderr: '' });
  });

  test(`is at most ${MAX_BUNDLE_BYTES} bytes in a bundle for browsers, minified and compressed`, async () => {
    const input = join(project.folder, 'entry.js');
    await writeFile(input, "export { createClient } from '@cc-executor/client';");
    const bundle = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
    const { output: chunks } = await bundle.generate({ format: 'esm', minify: true });
    await bundle.close();
    expect(chunks).toHaveLength(1);
    expect(chunks[0].imports).toEqual([]);
    const bytes = gzipSync(chunks[0].code).length;
    expect(bytes).toBeLessThanOrEqual(MAX_BUNDLE_BYTES);
  });
});
