/**
 * What goes into Claude Code besides a prompt, from the client down to it or to the stand-in for the model's API, and what
 * becomes of a job whose options claude-api does not take.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Client, createClient } from '@cc-executor/client';
import type { ExecuteParams, JobEvent, TerminalEvent } from '@cc-executor/protocol';
import type { TestRedis } from '@cc-executor/testing';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { runNode } from './support/child.ts';
import { type ClaudeStack, describeClaudeKinds } from './support/claude.ts';
import { nativeDoor } from './support/doors.ts';
import { nonce } from './support/nonce.ts';

/** One transparent pixel. */
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

const readers: Record<string, string[]> = {
  string: ['GET'],
  hash: ['HGETALL'],
  list: ['LRANGE', '0', '-1'],
  set: ['SMEMBERS'],
  zset: ['ZRANGE', '0', '-1'],
  stream: ['XRANGE', '-', '+'],
};

/** All that a Redis holds, as text. */
async function contentOf(admin: TestRedis['admin']): Promise<string> {
  const texts = [];
  for (const key of await admin.keys('*')) {
    const [command = '', ...args] = readers[await admin.type(key)] ?? [];
    texts.push(key, JSON.stringify(await admin.call(command, key, ...args)));
  }
  return texts.join('\n');
}

const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

/** Of a request to the model. */
type Body = { system: { text: string }[]; messages: { content: object[] }[] };

const workspaces = mkdtempSync(join(tmpdir(), 'cc-executor-workspaces-'));
afterAll(() => rmSync(workspaces, { recursive: true, force: true, maxRetries: 3 }));

const GRANTED = { CLAUDE_ALLOW_SYSTEM_PROMPT: 'yes', CLAUDE_REQUEST_SETTINGS: 'language' };
const env = { LOG_LEVEL: 'trace', SERVICE_REPORT_MS: '500', ...GRANTED };
const claudeEnv = {
  ...GRANTED,
  CLAUDE_MAX_TURNS: '20',
  CLAUDE_MAX_BUDGET_USD: '2',
  CLAUDE_MODELS: 'sonnet,opus',
  CLAUDE_REQUEST_ENV: 'GREETING,HIDDEN',
  CLAUDE_WORKSPACES_DIR: workspaces,
};

describeClaudeKinds('options', { env, claudeEnv }, (kind, stack) => {
  function connect(): Client {
    const client = createClient({ url: stack().url() });
    onTestFinished(() => client.close());
    return client;
  }

  it('reach Claude Code: the environment its tools, the workspace its folder', async () => {
    const [greeting, workspace] = [`--${nonce()}`, `w${nonce()}`];
    const job = await connect().execute({
      prompt: '[[bash: echo "$GREETING in $(basename "$PWD")"]]',
      env: { GREETING: greeting },
      workspace,
      model: 'opus',
      fallbackModel: 'sonnet',
      effort: 'low',
      maxTurns: 4,
      maxBudgetUsd: 1.5,
    });
    expect(await job.done()).toMatchObject({ type: 'completed' });
    expect(job.answer()).toContain(`${greeting} in ${workspace}`);
  });

  it.each<[string, Partial<ExecuteParams>, string, string]>([
    ['beyond a ceiling', { maxTurns: 21, maxBudgetUsd: 3 }, 'beyond_ceiling', 'CLAUDE_MAX_BUDGET_USD'],
    ['a model that is not offered', { fallbackModel: 'haiku' }, 'beyond_ceiling', 'CLAUDE_MODELS'],
    ['a variable that may not be set', { env: { PATH: '/x' } }, 'beyond_ceiling', 'CLAUDE_REQUEST_ENV'],
    ['a directory elsewhere', { addDirs: ['/etc'] }, 'beyond_ceiling', 'CLAUDE_ADD_DIR_ROOTS'],
    ['an MCP configuration that is not there', { mcpConfig: 'x' }, 'beyond_ceiling', 'CLAUDE_MCP_FOLDER'],
    ['an unknown conversation', { conversation: randomUUID() }, 'conversation_unknown', 'no conversation'],
  ])(
    '%s: the job fails at once, with a code and the words of claude-api',
    async (_, options, code, words) => {
      const job = await connect().execute({ prompt: 'hello', ...options });
      const end = await job.done();
      expect(end).toMatchObject({ type: 'failed', error: { code, retrySafe: true }, partial: false });
      expect(end).toMatchObject({ seq: 2, error: { message: expect.stringContaining(words) } });
    },
  );

  it.each<[string, Partial<ExecuteParams>]>([
    ['an invalid conversation', { conversation: 'last' }],
    ['a workspace that is a path', { workspace: 'a/b' }],
    ['two tools in one', { allowedTools: ['Read,Bash'] }],
  ])('%s: no job begins, and the answer names the option', async (_, options) => {
    const refusal = await connect()
      .execute({ prompt: 'hello', ...options })
      .catch((error: unknown) => error);
    const [name] = Object.keys(options);
    expect(refusal).toMatchObject({ code: 'invalid_params', message: expect.stringContaining(`${name}`) });
  });

  it('a workspace in use is waited for, inside the deadline', async () => {
    const [first, second, workspace] = [connect(), connect(), `w${nonce()}`];
    const release = `until [ -e released ]; do sleep 0.1; done`;
    const holder = await first.execute({ prompt: `[[bash: echo held; ${release}]]`, workspace });
    for await (const event of holder.events()) if (event.type === 'message') break;
    const prompt = `[[text: ${nonce()}]]`;
    const waiting = await second.execute({ prompt, workspace });
    const hurried = await second.execute({ prompt, workspace, timeouts: { totalMs: 4_000 } });
    for await (const event of waiting.events()) if (event.type === 'throttled') break;
    // Told to come back in five seconds, which it does not have.
    expect(await hurried.done()).toMatchObject({
      type: 'failed',
      error: { code: 'upstream_busy', message: expect.stringContaining(workspace), retrySafe: true },
    });
    writeFileSync(join(workspaces, workspace, 'released'), '');
    const events = await Array.fromAsync(waiting.events());
    expect(events.some((event) => event.type === 'throttled' && event.reason === 'upstream_busy')).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: 'completed' });
  });

  if (kind === 'real') describe('inputs', () => describeInputs(stack));
});

/** What only the real one can show. */
function describeInputs(stack: () => ClaudeStack): void {
  async function run(prompt: string, params: object): Promise<TerminalEvent> {
    return (await eventsOf(prompt, params)).at(-1) as TerminalEvent;
  }

  async function eventsOf(prompt: string, params: object): Promise<JobEvent[]> {
    const { wire, close } = await nativeDoor.connect(stack());
    try {
      const { result } = await wire.request('execute', { prompt, ...params });
      return await wire.untilTerminal(result.jobId);
    } finally {
      await close();
    }
  }

  it('is told what a job has of environment and attachments, which nothing else shows: not Redis, no log, no answer', async () => {
    const value = randomBytes(12).toString('hex');
    const digest = createHash('sha256').update(value).digest('hex');
    const note = Buffer.from(`Note ${value.split('').reverse().join('')} of nobody's`).toString('base64');
    const attachments = [{ mediaType: 'text/plain', data: note }];
    const params = { env: { HIDDEN: value }, attachments, idempotencyKey: value.slice(0, 8) };
    const end = await run('[[bash: printf %s "$HIDDEN" | sha256sum]]', params);
    expect(end).toMatchObject({ type: 'completed', text: expect.stringContaining(digest) });

    const { wire, close } = await nativeDoor.connect(stack());
    const answers = [await wire.request('get', { jobId: end.jobId }), await wire.request('list', {})];
    await close();
    const { gateways, workers, claudeApi, redis, url } = stack();
    const services = await fetch(new URL('/services', url().replace('ws', 'http')));
    const shown = {
      answers: JSON.stringify(answers) + (await services.text()),
      logs: [...gateways, ...workers, claudeApi!].map((service) => JSON.stringify(service.logs())).join(),
      redis: await contentOf(redis.admin),
    };
    expect(services.status).toBe(200);
    expect(shown.redis).toContain('sealed');
    for (const [where, text] of Object.entries(shown)) {
      expect(text.includes(end.jobId), where).toBe(true);
      for (const form of [value, Buffer.from(value).toString('base64').slice(0, 20), note]) {
        expect(text.includes(form), `${form} in ${where}`).toBe(false);
      }
    }
  });

  /** Runs a prompt by the command, and gives what its model was asked. */
  async function askedWith(flags: readonly string[]) {
    const prompt = `What is this? ${randomBytes(4).toString('hex')}`;
    const append = ['--append-system-prompt', 'Be kind.'];
    const child = runNode([main, 'run', '--url', stack().url(), ...flags, ...append, prompt]);
    expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });
    const bodies = stack().model.requests.map(({ body }) => body as Body);
    const asked = bodies.filter(({ messages }) => JSON.stringify(messages[0]?.content).includes(prompt));
    expect(asked).toHaveLength(1);
    return { prompt, body: asked[0]! };
  }

  it('shows its model what is attached, before the prompt, and has the settings of a job', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cc-executor-images-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const files = { 'dot.png': PNG, 'note.txt': Buffer.from('A note: grün 🌱').toString('base64') };
    for (const [name, data] of Object.entries(files)) await writeFile(join(folder, name), data, 'base64');
    const images = Object.keys(files).flatMap((name) => ['--image', join(folder, name)]);
    const { prompt, body } = await askedWith([...images, '--settings', '{"language":"klingon"}']);
    for (const text of ['respond in klingon', 'Be kind.']) expect(JSON.stringify(body)).toContain(text);

    const content = body.messages[0]!.content;
    // Claude Code writes them into its temporary folder, and says so to its model.
    expect(JSON.stringify(content)).toMatch(/\/images\/1\.png/);
    const left = await readdir(stack().home, { recursive: true });
    expect(left.filter((path) => path.endsWith('.png'))).toEqual([]);
    const source = { type: 'base64', media_type: 'image/png', data: PNG };
    const at = content.findIndex((block) => 'source' in block);
    expect(content.slice(at, at + 3)).toEqual([
      expect.objectContaining({ type: 'image', source }),
      expect.objectContaining({
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data: 'A note: grün 🌱' },
      }),
      expect.objectContaining({ type: 'text', text: expect.stringContaining(prompt) }),
    ]);
  });

  it('has the system prompt of a job', async () => {
    const { body } = await askedWith(['--system-prompt', 'You are a pirate.']);
    expect(body.system.at(-1)?.text).toBe('You are a pirate.\n\nBe kind.');
  });

  it('gets no hooks, not even from an operator who would: no job is accepted', async () => {
    const hook = { hooks: [{ type: 'command', command: 'touch hooked' }] };
    const { wire, close } = await nativeDoor.connect(stack());
    const settings = { language: 'klingon', hooks: { SessionStart: [hook] } };
    const { error } = await wire.request('execute', { prompt: 'x', settings }).finally(close);
    expect(error).toMatchObject({ data: { code: 'beyond_ceiling' } });
    expect(error.message).toMatch(/may not set hooks \(CLAUDE_REQUEST_SETTINGS\)$/);
  });

  it('tells its tools by events', async () => {
    const events = await eventsOf('[[bash: echo out; exit 3]]', {});
    const told = events.filter(({ type }) => type === 'message' || type.startsWith('tool_'));
    expect(told.map(({ type }) => type)).toEqual(['message', 'tool_started', 'message', 'tool_ended']);
    const [started, ended] = told.filter(({ type }) => type !== 'message');
    expect(started).toMatchObject({ name: 'Bash', input: { command: 'echo out; exit 3' } });
    expect(ended).toMatchObject({ name: 'Bash', isError: true, text: expect.stringContaining('out') });
    expect(ended).toHaveProperty('toolUseId', (started as { toolUseId?: string }).toolUseId);
  });

  describe('with a schema', () => {
    const outputSchema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      ...{ type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    };
    const met = '[[tool: StructuredOutput {"city":"Bern"}]]';

    it('that is met completes, with the object, which cc-executor run prints, its text, and a transcript that says the same', async () => {
      const schema = ['--output-schema', JSON.stringify(outputSchema)];
      const child = runNode([main, 'run', '--url', stack().url(), ...schema, met]);
      expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });
      expect(JSON.parse(child.stdout())).toEqual({ city: 'Bern' });
      const { wire, close } = await nativeDoor.connect(stack());
      onTestFinished(close);
      const { result: listed } = await wire.request('list', { limit: 1 });
      const { jobId } = listed.jobs[0];
      const { result: job } = await wire.request('get', { jobId });
      expect(job.terminal).toMatchObject({
        ...{ type: 'completed', structuredOutput: { city: 'Bern' }, text: '{"city":"Bern"}' },
      });
      const { result } = await wire.request('verify', { jobId });
      expect(result).toMatchObject({ verdict: 'verified' });
    });

    it('that is missed fails, though Claude Code reports success', async () => {
      const prompt = '[[tool: StructuredOutput {"town":7}]] [[text: It is Bern.]]';
      expect(await run(prompt, { outputSchema })).toMatchObject({
        type: 'failed',
        error: { code: 'structured_output_invalid', retrySafe: false },
        partial: true,
      });
    });

    it('that the model pays no heed to fails likewise', async () => {
      expect(await run('[[text: It is Bern.]]', { outputSchema })).toMatchObject({
        ...{ type: 'failed', error: { code: 'structured_output_invalid' }, partial: true },
      });
    });

    it('that Claude Code would not take fails before it starts, and says why', async () => {
      const asked = stack().model.requests.length;
      expect(await run(met, { outputSchema: { ...outputSchema, prefixItems: [] } })).toMatchObject({
        ...{ type: 'failed', partial: false },
        error: {
          ...{ code: 'options_invalid', retrySafe: true },
          message: expect.stringContaining('outputSchema: strict mode: unknown keyword: "prefixItems"'),
        },
      });
      expect(stack().model.requests).toHaveLength(asked);
    });
  });
}
