/**
 * `npm run test:package`: the packed SDK in an empty project with what others use, fetched from the npm registry: each Node.js
 * it is promised for, esbuild and Vite, and the two checkers of packages. Takes minutes and a network, so it is no part
 * of `npm test`. Ends with the totals, and with 1 when something failed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  completed,
  queued,
  scriptJob,
  startScriptedGateway,
} from '../../libs/client/test/scripted-gateway.ts';
import { type CleanProject, makeCleanProject, run } from './clean-project.ts';

const NODES = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' };
const TOOLS = ['@arethetypeswrong/cli@0.18.5', 'esbuild@0.28.2', 'publint@0.3.25', 'vite@8.3.8', 'ws@8.23.0'];
const MAX_BUNDLE_BYTES = 12 * 1024;

/** Runs the project's program against a gateway that answers as it should, and gives what it printed. */
async function runJob(project: CleanProject, node: string): Promise<string> {
  const gateway = await startScriptedGateway();
  try {
    const program = run(node, ['run.mjs', gateway.url], { cwd: project.folder, timeout: 60_000 });
    const connection = await gateway.accept();
    const job = scriptJob();
    connection.reply(await connection.expect('execute'), job.accepted);
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, completed));
    return (await program).stdout.trim();
  } finally {
    await gateway.close();
  }
}

function checks(project: CleanProject): Record<string, () => Promise<unknown>> {
  const inProject = (program: string, ...args: string[]) =>
    run(join(project.folder, 'node_modules/.bin', program), args, { cwd: project.folder });
  const measure = async (file: string) => {
    const bytes = gzipSync(await readFile(join(project.folder, file))).length;
    if (bytes > MAX_BUNDLE_BYTES) throw new Error(`${bytes} bytes compressed`);
    return `${bytes} bytes compressed`;
  };
  return {
    publint: async () => {
      await inProject('publint', '--strict', project.tarball);
      return 'all good';
    },
    'are the types wrong': async () => {
      await inProject('attw', '--profile', 'esm-only', project.tarball);
      return 'no';
    },
    esbuild: async () => {
      await inProject('esbuild', 'entry.js', '--bundle', '--format=esm', '--minify', '--outfile=esbuild.js');
      return measure('esbuild.js');
    },
    vite: async () => {
      await inProject('vite', 'build', '--logLevel', 'error');
      return measure('dist/vite.js');
    },
    ...Object.fromEntries(
      Object.keys(NODES).map((major) => [
        `Node.js ${major}`,
        async () => {
          const node = join(project.folder, `node_modules/node${major}/bin/node`);
          const said = await runJob(project, node);
          if (!said.includes('"end":"completed"')) throw new Error(said);
          return `${(await run(node, ['--version'])).stdout.trim()} ${said}`;
        },
      ]),
    ),
  };
}

const VITE_CONFIG =
  "export default { build: { rolldownOptions: { input: 'entry.js', preserveEntrySignatures: 'strict', output: { entryFileNames: 'vite.js' } } } };\n";

const project = await makeCleanProject();
let [passed, failed] = [0, 0];
try {
  const nodes = Object.entries(NODES).map(
    ([major, version]) => `node${major}@npm:node-${process.platform}-${process.arch}@${version}`,
  );
  await project.npm('install', ...TOOLS, ...nodes);
  await writeFile(join(project.folder, 'entry.js'), "export { createClient } from '@cc-executor/client';\n");
  await writeFile(join(project.folder, 'vite.config.js'), VITE_CONFIG);
  for (const [name, check] of Object.entries(checks(project))) {
    try {
      console.log(`✓ ${name}: ${await check()}`);
      passed += 1;
    } catch (error) {
      console.log(
        `✗ ${name}: ${error instanceof Error ? `${error.message}\n${Object(error).stdout ?? ''}` : error}`,
      );
      failed += 1;
    }
  }
} finally {
  await project.remove();
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0) process.exitCode = 1;
