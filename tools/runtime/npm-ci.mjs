/** Runs `npm ci` as a process group of its own, which ends with this process's signals, and says why it failed. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { SetupError } from './setup-error.mjs';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];
const GRACE_MS = 5_000;
const ARGUMENTS = [
  'ci',
  ...['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'],
];

/** What the code that npm prints means, for people. */
const CAUSES = [
  [
    /^(ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONN\w+|ERR_SOCKET_TIMEOUT|E[45]\d\d|\w*CERT\w*|UNABLE_TO_\w+)$/,
    'it could not get packages from the npm registry: check the network or the proxy',
  ],
  [/^ENOSPC$/, 'there is no space left on the disk'],
  [/^(EACCES|EPERM|EROFS)$/, 'this user may not write there: a part of it may belong to another user'],
  [/^EINTEGRITY$/, 'a package is not what package-lock.json says: `npm cache verify` mends a damaged cache'],
];

/**
 * Installs.
 * @param {string} root
 * @param {(pid: number) => void} onStart gets the id of npm's process group
 * @throws {SetupError} when it fails; with `signal` when that has ended it, and nothing of it runs any more
 */
export async function runNpmCi(root, onStart) {
  const bin = join(root, 'node_modules', '.bin');
  // npm must not run on the Node inside the folder that it is about to delete.
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => entry !== bin);
  const isPosix = process.platform !== 'win32';
  const child = spawn('npm', ARGUMENTS, {
    cwd: root,
    env: { ...process.env, PATH: path.join(delimiter) },
    stdio: ['ignore', 2, 'pipe'],
    detached: isPosix,
    shell: !isPosix,
  });
  let interruptedBy;
  let timer;
  const kill = (signal) => killGroup(child.pid, signal);
  const interrupt = (signal) => {
    // Whoever asks twice does not want to wait.
    kill(interruptedBy === undefined ? signal : 'SIGKILL');
    interruptedBy ??= signal;
    timer ??= setTimeout(kill, GRACE_MS, 'SIGKILL');
  };
  for (const signal of SIGNALS) process.on(signal, interrupt);
  const printed = passOn(child.stderr);
  try {
    if (child.pid !== undefined) onStart(child.pid);
    const [code, signal] = await once(child, 'exit');
    // What its scripts have left running.
    kill('SIGKILL');
    if (interruptedBy !== undefined) {
      throw new SetupError(`npm ci was interrupted; the next start does it again`, { signal: interruptedBy });
    }
    if (signal !== null) throw new SetupError(`npm ci was ended by ${signal}; the next start does it again`);
    if (code !== 0) throw new SetupError(explain(code, printed(), root));
  } catch (error) {
    if (error instanceof SetupError) throw error;
    if (error.code === 'ENOENT') {
      throw new SetupError(
        'npm was not found. Install Node.js 20 or newer together with npm: https://nodejs.org',
      );
    }
    throw new SetupError(`npm could not be started: ${error.message}`);
  } finally {
    clearTimeout(timer);
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}

function explain(code, printed, root) {
  const name = /^npm (?:error|ERR!) code (\S+)/m.exec(printed)?.[1];
  const cause = CAUSES.find(([pattern]) => pattern.test(name ?? ''))?.[1];
  const why = cause === undefined ? 'its own message is above' : `${cause}; its own message is above`;
  return `npm ci failed with exit code ${code}: ${why}. The next start does it again, as does \`npm ci\` in ${root}`;
}

/** Shows what npm says, and keeps the end of it. */
function passOn(stream) {
  let text = '';
  stream.on('data', (data) => {
    process.stderr.write(data);
    text = (text + data).slice(-16_384);
  });
  return () => text;
}

function killGroup(pid, signal) {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal);
  } catch {
    // ESRCH: nothing of it runs any more.
  }
}
