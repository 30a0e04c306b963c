/**
 * `npm run test:package`: the packed SDK, its hooks and the command in an empty project with what others use, fetched from the npm registry: each Node.js
 * it is promised for, esbuild and Vite, the AI SDK, React 18 and 19 in a browser, and the two checkers of packages. Takes minutes and a network, so it is no part
 * of `npm test`. Ends with the totals, and with 1 when something failed.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import {
  completed,
  output,
  queued,
  scriptJob,
  startScriptedGateway,
} from '../../libs/client/test/scripted-gateway.ts';
import { type CleanProject, makeCleanProject, run } from './clean-project.ts';
import { REACT_PACKAGES, tryInBrowser } from './react-trial.ts';

const NODES = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' };
const TOOLS = [
  '@arethetypeswrong/cli@0.18.5',
  '@types/node@26.6.6',
  'ai@7.0.173',
  'esbuild@0.28.2',
  'publint@0.3.25',
  'react@19.3.1',
  'typescript@7.0.2',
  'vite@8.3.8',
  'ws@8.23.0',
  'zod@4.6.7',
];
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

/** The command answers with what the gateway sends. */
async function runCommand({ command, folder }: CleanProject, node: string): Promise<string> {
  const gateway = await startScriptedGateway();
  try {
    const env = { XDG_CONFIG_HOME: folder, XDG_STATE_HOME: folder };
    const program = run(node, [command, 'run', 'hello', '--url', gateway.url], { env, timeout: 60_000 });
    const connection = await gateway.accept();
    const job = scriptJob();
    connection.reply(await connection.expect('execute'), job.accepted);
    for (const [i, body] of [queued, output('Hello.'), completed].entries())
      connection.notify('event', job.event(i + 1, body));
    const { stdout } = await program;
    if (stdout !== 'Hello.\n') throw new Error(stdout);
    const refused: { stderr?: string } = await run(node, [command, 'up']).catch((error) => error);
    if (!refused.stderr?.startsWith('The services are not in this package')) throw new Error(refused.stderr);
    return (await run(node, [command, '--version'])).stdout.trim();
  } finally {
    await gateway.close();
  }
}

/** A chat of the AI SDK sends a message, and is resumed by a later page. */
async function runChat(project: CleanProject): Promise<string> {
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', '--types', 'node'];
  const options = [...strict, '--module', 'nodenext', '--target', 'es2024'];
  await run(join(project.folder, 'node_modules/.bin/tsc'), [...options, 'chat.ts'], { cwd: project.folder });
  const gateway = await startScriptedGateway();
  try {
    const program = run(process.execPath, ['chat.js', gateway.url], { cwd: project.folder, timeout: 60_000 });
    const connection = await gateway.accept();
    const job = scriptJob();
    connection.reply(await connection.expect('list'), { jobs: [] });
    connection.reply(await connection.expect('execute'), job.accepted);
    const events = [queued, output('Hello.'), completed].map((body, i) => job.event(i + 1, body));
    for (const event of events) connection.notify('event', event);
    connection.reply(await connection.expect('list'), { jobs: [{ jobId: job.jobId }] });
    connection.reply(await connection.expect('attach'), { ...job.accepted, status: 'completed', lastSeq: 3 });
    for (const event of events) connection.notify('event', event);
    const answer = { id: job.jobId, role: 'assistant', text: 'Hello.' };
    const asked = { role: 'user', text: 'hello' };
    const expected = [[asked, answer], [answer]].map((messages) => ({ status: 'ready', messages }));
    const said = (await program).stdout.trim();
    if (said !== expected.map((chat) => JSON.stringify(chat)).join('\n')) throw new Error(said);
    return said.split('\n').at(-1) ?? '';
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
      for (const tarball of project.tarballs) await inProject('publint', '--strict', tarball);
      return 'all good';
    },
    'are the types wrong': async () => {
      for (const tarball of project.tarballs) await inProject('attw', '--profile', 'esm-only', tarball);
      return 'no';
    },
    esbuild: async () => {
      await inProject('esbuild', 'entry.js', '--bundle', '--format=esm', '--minify', '--outfile=esbuild.js');
      return measure('esbuild.js');
    },
    'the AI SDK': () => runChat(project),
    'the hooks and useChat in a browser': () => tryInBrowser(project),
    'the fault suite, as far as it is about the SDK, over both transports': async () => {
      const vitest = ['tools/runtime/run.mjs', '--bin', 'vitest', 'run', '--root', '.'];
      const { stdout } = await run(
        process.execPath,
        [...vitest, '--config', 'tests/package/vitest.config.ts'],
        {
          cwd: fileURLToPath(new URL('../../', import.meta.url)),
          env: {
            ...process.env,
            PACKED_SDK: join(project.folder, 'node_modules/@cc-executor/client/dist/index.js'),
            SDK_TRANSPORTS: 'both',
          },
        },
      );
      return stdout.trim().split('\n').at(-1);
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
    ...Object.fromEntries(
      Object.keys(NODES).map((major) => [
        `the command with Node.js ${major}`,
        () => runCommand(project, join(project.folder, `node_modules/node${major}/bin/node`)),
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
  // Two Reacts are one too many for npm.
  await project.npm('install', '--legacy-peer-deps', ...TOOLS, ...REACT_PACKAGES, ...nodes);
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
