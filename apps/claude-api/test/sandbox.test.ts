/** What an execution reaches of others, of the operator's and of this service, and that all of it is as before afterwards. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { claudeEnvironment, quickStart, SHORT_LIVED, startStandInModel } from '@cc-executor/testing';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { createConversationFolders } from '../src/conversation-folders.ts';
import { startModelProxy } from '../src/model-proxy.ts';
import {
  bestContainment,
  claudeEngine,
  fakeCli,
  isComplete,
  openPolicy,
  parseLines,
  readUntil,
  silentLogger,
  soleCompletion,
  startApi,
  streamLines,
  temporaryFolder,
} from './harness.ts';
import { processesNamed, untilProcesses } from './process-table.ts';
import { realCli } from './real-claude.ts';

const credentials = { apiKey: 'sk-real', authToken: undefined, oauthToken: undefined, baseUrl: undefined };

/** A service with named workspaces, and a home folder of the operator's. */
async function setUp(options: { hasProxy?: boolean; hiddenPaths?: string[] } = {}) {
  const base = temporaryFolder();
  const [home, workDir, workspacesDir] = ['home', 'work', 'workspaces'].map((name) => join(base, name)) as [
    string,
    string,
    string,
  ];
  const [configFolder, mcpFolder] = [join(home, '.claude'), join(base, 'mcp')];
  for (const folder of [configFolder, mcpFolder, workspacesDir]) mkdirSync(folder, { recursive: true });
  const modelProxy = options.hasProxy
    ? await startModelProxy({ credentials, baseUrl: undefined, environment: {}, logger: silentLogger })
    : undefined;
  onTestFinished(async () => modelProxy?.close());
  const engine = claudeEngine({
    workDir,
    workspacesDir,
    modelProxy,
    credentials,
    environment: { PATH: process.env.PATH, HOME: home },
    mcpFolder,
    hiddenPaths: options.hiddenPaths ?? [],
  });
  const api = await startApi(engine, { policy: { ...openPolicy, mcpFolder } });
  /** Runs a shell script as a tool would, in a workspace; gives what it wrote. */
  async function shell(script: string, workspace = 'mine', more: object = {}) {
    const question = `{ ${script}\n} > output 2>&1`;
    const complete = soleCompletion(await api.lines({ question, model: 'runs', workspace, ...more }));
    expect(complete).toMatchObject({ status: 'success' });
    return readFileSync(join(workspacesDir, workspace, 'output'), 'utf8');
  }
  return { api, home, configFolder, mcpFolder, workDir, workspacesDir, shell };
}

describe.runIf(process.platform === 'linux')('in a view of its own', () => {
  const { hides, detail } = bestContainment();
  beforeEach(({ skip }) => skip(hides !== 'all', `This machine has only ${detail}`));

  test('an execution reaches nothing of another one that runs, by no way, and leaves nothing behind', async () => {
    const { api, configFolder, workDir, workspacesDir, shell } = await setUp();
    const theirs = join(workspacesDir, 'theirs');
    const executionId = `theirs-${randomUUID()}`;
    const question =
      'echo theirs > secret; cp secret "$CLAUDE_CONFIG_DIR"; cp secret "$TMPDIR"; mv secret secret-4711; sleep 600';
    const lines = streamLines(
      await api.execute({ question, model: 'runs', workspace: 'theirs', executionId }),
    );
    await untilProcesses(() => existsSync(join(theirs, 'secret-4711')));
    // They are there: whoever looks from here finds them.
    expect(readdirSync(join(configFolder, 'cc-executor'))).toHaveLength(1);
    const [secretOf] = readdirSync(workDir).filter((name) => name.startsWith('temporary-'));
    expect(readFileSync(join(workDir, secretOf!, 'secret'), 'utf8')).toBe('theirs\n');

    const found = await shell(`
      grep -rls theirs '${workDir}' '${workspacesDir}' '${configFolder}' | grep -v /mine/output
      cd "$OLDPWD" 2>/dev/null; (cd .. && ls -A); (cd ../theirs && pwd)
      echo planted > '${theirs}/planted'; rm -rf '${theirs}/secret-4711'
      ls -A '${workspacesDir}' | grep -v '^mine$'
      cat '${theirs}/secret-4711' /proc/1/root'${theirs}/secret-4711' /proc/*/cwd/secret-4711
      for folder in '${workspacesDir}' '${workDir}' '${configFolder}'; do
        umount "$folder"; umount -l "$folder"; unshare --user --map-root-user --mount umount "$folder"
        unshare --mount umount "$folder"
      done
      nsenter --target 1 --mount ls '${theirs}'; nsenter --target ${process.pid} --mount ls '${theirs}'
      unshare --user --map-root-user --mount ls -A '${workspacesDir}'
      grep -ls ${executionId} /proc/[0-9]*/environ; kill -0 ${process.pid} && echo alive
      ls -A '${workspacesDir}'; true`);
    expect(found).not.toMatch(/^theirs$|secret$|temporary-.*secret/m);
    expect(found.split('\n').filter((line) => line === 'mine').length).toBeGreaterThanOrEqual(2);
    expect(found).not.toMatch(/\/environ|^alive/m);
    expect(readFileSync(join(theirs, 'secret-4711'), 'utf8')).toBe('theirs\n');
    expect(existsSync(join(theirs, 'planted'))).toBe(false);

    await api.cancel(executionId);
    expect(await readUntil(lines, isComplete)).toMatchObject({ status: 'cancelled' });
    expect(readdirSync(workDir).sort()).toEqual(['executions.jsonl', 'locks']);
    expect(readdirSync(join(configFolder, 'cc-executor'))).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(workspacesDir);
  });

  test('a workspace is usable by the next execution in it, and by this service, whose files they are', async () => {
    const { workspacesDir, shell } = await setUp();
    await shell('mkdir folder; echo one > folder/file; umask 077; echo private > private');
    expect(await shell('cat folder/file private; echo two >> folder/file')).toBe('one\nprivate\n');
    const file = join(workspacesDir, 'mine', 'folder', 'file');
    expect(readFileSync(file, 'utf8')).toBe('one\ntwo\n');
    expect(statSync(file).uid).toBe(process.getuid?.());
  });

  test('what a request names of the operator is there; what it does not name, and settings of others, is not', async () => {
    const { configFolder, mcpFolder, home, shell } = await setUp({ hiddenPaths: ['/etc/hostname'] });
    mkdirSync(join(configFolder, 'skills'));
    mkdirSync(join(configFolder, 'projects'));
    for (const name of [
      'settings.json',
      'skills/one',
      'projects/theirs',
      'history.jsonl',
      '../.claude.json',
    ]) {
      writeFileSync(join(configFolder, name), `content of ${name}\n`);
    }
    for (const tenant of ['default', 'rival'])
      mkdirSync(join(mcpFolder, 'tenants', tenant), { recursive: true });
    const ofTenants = ['tenants/default/own.json', 'tenants/default/other.json', 'tenants/rival/own.json'];
    for (const name of ['named.json', 'other.json', 'server.py', ...ofTenants]) {
      writeFileSync(join(mcpFolder, name), `content of ${name}\n`);
    }
    const hunt = `
      cat '${mcpFolder}'/* '${mcpFolder}'/tenants/*/*.json '${mcpFolder}/tenants/rival/own.json' 2>/dev/null
      cat "$CLAUDE_CONFIG_DIR"/settings.json "$CLAUDE_CONFIG_DIR"/skills/one
      echo changed >> "$CLAUDE_CONFIG_DIR"/settings.json; rm '${configFolder}/skills/one'
      cat '${home}/.claude.json' '${configFolder}/history.jsonl' '${configFolder}/projects/theirs' /etc/hostname
      echo free > '${home}/free'`;
    const found = await shell(hunt, 'mine', { mcpConfig: ['named', 'own'] });
    const shown = ['named.json', 'server.py', 'tenants/default/own.json', 'settings.json', 'skills/one'];
    expect(found).toContain(shown.map((name) => `content of ${name}\n`).join(''));
    expect(found.match(/content of/g)).toHaveLength(shown.length);
    expect(found.match(/Read-only file system/g)?.length).toBeGreaterThanOrEqual(2);
    const settings = readFileSync(join(configFolder, 'settings.json'), 'utf8');
    expect(settings).toBe('content of settings.json\n');
    // What is nobody's stays as it is without a sandbox.
    expect(readFileSync(join(home, 'free'), 'utf8')).toBe('free\n');
    // Its lines, since a short name may stand in that of a folder by chance.
    expect(found.split('\n')).not.toContain(readFileSync('/etc/hostname', 'utf8').trim() || 'no name');
  });

  test.each([
    ['stays usable, and is renewed for all', false, 'old'],
    ['is out of reach where the proxy has another in its place', true, undefined],
  ])('a stored login %s', async (_what, hasProxy, seen) => {
    const { configFolder, shell } = await setUp({ hasProxy });
    const login = join(configFolder, '.credentials.json');
    writeFileSync(login, 'old', { mode: 0o600 });
    const found = await shell(`
      cd "\${CLAUDE_SECURESTORAGE_CONFIG_DIR:-$HOME/.claude}" && cat .credentials.json
      mkdir .oauth_refresh.lock && echo new > .credentials.json.1 && mv .credentials.json.1 .credentials.json
      rmdir .oauth_refresh.lock`);
    if (seen === undefined) expect(found).not.toContain('old');
    else expect(found).toBe(seen);
    expect(readFileSync(login, 'utf8')).toBe(hasProxy ? 'old' : 'new\n');
  });

  test('a view that cannot be made ends the execution, with the reason', async () => {
    const { api } = await setUp({ hiddenPaths: ['/proc'] });
    const complete = soleCompletion(await api.lines({ question: 'true', model: 'runs', workspace: 'mine' }));
    expect(complete).toMatchObject({ status: 'error', error: { code: 'cli_not_started' } });
    expect(JSON.stringify(complete)).toContain('cannot make the sandbox');
    expect(soleCompletion(await api.lines({ question: 'true', model: 'runs' })).status).toBe('error');
  });

  test('without rights and namespaces claude-api starts, hides what it can and says what it cannot; it does not start where the sandbox is on', async ({
    skip,
  }) => {
    const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
    const workspacesDir = temporaryFolder();
    mkdirSync(join(workspacesDir, 'theirs'));
    const theirs = join(workspacesDir, 'theirs', 'secret');
    writeFileSync(theirs, 'secret-4711');
    const model = await startStandInModel();
    onTestFinished(() => model.close());
    const [home, workDir] = [temporaryFolder(), temporaryFolder()];
    writeFileSync(join(workDir, 'secret'), 'secret-4711');
    // As in a container: its own file system cannot be changed, nor a login that it is lent; what may be is mounted.
    const bare = `set -e
      mount --rbind /tmp /tmp
      mount --bind '${workspacesDir}' /mnt
      mount --bind '${workDir}' /srv
      mount --bind '${home}' '${home}'
      mount -o remount,bind,ro '${home}'
      mount -o remount,bind,ro /
      echo 0 > /proc/sys/user/max_user_namespaces
      exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all '${[process.execPath, ...quickStart(main)].join("' '")}'`;
    const start = (sandbox: string) =>
      spawn('unshare', ['--user', '--map-root-user', '--mount', '/bin/sh', '-c', bare], {
        env: {
          ...claudeEnvironment({ modelUrl: model.url, home }),
          ...SHORT_LIVED,
          CLAUDE_PASS_ENV: Object.keys(SHORT_LIVED).join(),
          CLAUDE_WORK_DIR: '/srv',
          CLAUDE_API_PORT: '0',
          CLAUDE_BIN: realCli ?? fakeCli(),
          CLAUDE_ALLOWED_TOOLS: 'Bash',
          CLAUDE_SANDBOX: sandbox,
          CLAUDE_WORKSPACES_DIR: '/mnt',
          CLAUDE_HIDDEN_PATHS: '/etc/hostname',
          MARK: 'mark-4711',
          LOG_FORMAT: 'json',
        },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    const auto = start('auto');
    let said = '';
    for (const stream of [auto.stdout, auto.stderr]) {
      stream.on('data', (chunk) => {
        said += chunk;
      });
    }
    await vi.waitFor(() => expect(said).toContain('"event":"ready"'), { timeout: 20_000 });
    expect(said).toMatch(
      /"level":"?(40|warn)"?.*a child subreaper.*(workspaces and conversations|list other)/,
    );
    const { port } = JSON.parse(said.split('\n').find((line) => line.includes('"event":"ready"'))!);
    const orphan = `orphan-${randomUUID()}`;
    const hunt = `
      grep -las 4711 /proc/[0-9]*/environ; grep -las 'sk-ant-stand-i[n]' /proc/[0-9]*/environ; kill -0 ${auto.pid} && echo alive; mkdir a; >b; mv b a
      (setsid env -i PATH="$PATH" sh -c 'echo > up; while :; do sleep 1; done' ${orphan} >&- 2>&- &)
      until [ -e up ]; do sleep 0.05; done
      ln -s ../theirs/secret link; ln ../theirs/secret hard; mv ../theirs taken
      cat link hard ../theirs/secret /proc/self/root/mnt/theirs/secret /srv/secret /etc/hostname taken/secret
      echo planted > ../theirs/planted; echo planted > ../theirs/secret; rm -r ../theirs
      ls / /mnt; echo free > "$TMPDIR/free"; cat /etc/passwd a/b`;
    mkdirSync(join(workspacesDir, 'mine'));
    // Of a file Claude Code does not look at what it does.
    writeFileSync(join(workspacesDir, 'mine', 'hunt'), hunt);
    const command = 'sh hunt > output 2>&1';
    const asked =
      realCli === undefined ? { question: command, model: 'runs' } : { question: `[[bash: ${command}]]` };
    const response = await fetch(`http://127.0.0.1:${port}/execute/claude-stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...asked, workspace: 'mine' }),
    });
    const complete = soleCompletion(parseLines(await response.text()));
    expect(complete).toMatchObject({ status: 'success' });
    // It could not be kept.
    expect(complete.conversation ?? null).toBeNull();
    expect(processesNamed(orphan)).toEqual([]);
    const found = readFileSync(join(workspacesDir, 'mine', 'output'), 'utf8');
    const ready = await (await fetch(`http://127.0.0.1:${port}/ready`)).json();
    expect(ready.checks.engine.data.warnings).toEqual([expect.stringMatching(/EROFS.*no conversation/)]);
    const ended = once(auto, 'exit');
    auto.kill('SIGTERM');
    await ended;

    const on = start('on');
    let refusal = '';
    on.stderr.on('data', (chunk) => {
      refusal += chunk;
    });
    expect(await once(on, 'close')).toEqual([78, null]);
    expect(refusal).toContain('CLAUDE_SANDBOX is on, but here is no more than a child subreaper');

    skip(!said.includes('Landlock'), 'This kernel has no Landlock that keeps processes apart (Linux 6.12)');
    expect(found).not.toMatch(/environ$|^alive|secret-4711|mv: .*'a|free/m);
    expect(found).not.toContain(readFileSync('/etc/hostname', 'utf8').trim() || 'no name');
    expect(found).toMatch(/not permitted[\s\S]*root:/);
    expect(readdirSync(join(workspacesDir, 'theirs'))).toEqual(['secret']);
    expect(readFileSync(theirs, 'utf8')).toBe('secret-4711');
    const exposed = ready.checks.engine.data.sandboxGaps.filter((gap: string) =>
      gap.startsWith('it reaches /'),
    );
    expect(exposed).toEqual([expect.stringMatching(/\.claude$/)]);
  });
});

describe('the folders of conversations', () => {
  const conversation = randomUUID();

  test.each(['default', 'acme'])(
    'are forgotten thirty days after their last use, and not before: %s',
    async (tenant) => {
      const configFolder = temporaryFolder();
      const folders = createConversationFolders({ configFolder, workDir: temporaryFolder() });
      const [old, recent] = [randomUUID(), randomUUID()];
      const transcripts = [old, recent].map((name) => {
        const project = join(folders.configOf(tenant, name), 'projects', '-some-folder');
        mkdirSync(project, { recursive: true });
        writeFileSync(join(project, `${name}.jsonl`), '{}');
        return join(project, `${name}.jsonl`);
      });
      const day = 24 * 60 * 60;
      const now = Date.now() / 1000;
      utimesSync(transcripts[0]!, now - 31 * day, now - 31 * day);
      utimesSync(transcripts[1]!, now - 29 * day, now - 29 * day);
      await folders.forgetOld();
      expect(transcripts.map((path) => existsSync(path))).toEqual([false, true]);
      expect(existsSync(folders.configOf(tenant, old))).toBe(false);
    },
  );

  test('are there for one run where they cannot be kept', async () => {
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const workDir = temporaryFolder();
    const folders = createConversationFolders({ configFolder: join(file, '.claude'), workDir });
    await folders.open('acme', conversation);
    expect(folders.keeps('acme', conversation)).toBe(false);
    expect(readdirSync(folders.configOf('acme', conversation))).toEqual([]);
    // Nobody else comes to them by the same name.
    expect(existsSync(folders.configOf('rival', conversation))).toBe(false);
    await folders.close('acme', conversation);
    expect(readdirSync(workDir)).toEqual([]);
  });
});
