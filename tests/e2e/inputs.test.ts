/** What goes into the real Claude Code besides a prompt, from the client down to the stand-in for the model's API. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JobEvent, TerminalEvent } from '@cc-executor/protocol';
import type { TestRedis } from '@cc-executor/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runNode } from './support/child.ts';
import { useClaudeStack } from './support/claude.ts';
import { nativeDoor } from './support/doors.ts';

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

const GRANTED = { CLAUDE_ALLOW_SYSTEM_PROMPT: 'yes', CLAUDE_REQUEST_SETTINGS: 'language' };

describe('the real Claude Code', () => {
  const stack = useClaudeStack('real', {
    claudeEnv: { CLAUDE_REQUEST_ENV: 'HIDDEN', ...GRANTED },
    env: { LOG_LEVEL: 'trace', SERVICE_REPORT_MS: '500', ...GRANTED },
  });

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

  it('shows its model what is attached, before the prompt', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'cc-executor-images-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const files = { 'dot.png': PNG, 'note.txt': Buffer.from('A note: grün 🌱').toString('base64') };
    for (const [name, data] of Object.entries(files)) await writeFile(join(folder, name), data, 'base64');
    const flags = Object.keys(files).flatMap((name) => ['--image', join(folder, name)]);
    const prompt = `What is this? ${randomBytes(4).toString('hex')}`;
    const child = runNode([main, 'run', '--url', stack().url(), ...flags, prompt]);
    expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });

    const bodies = stack().model.requests.map(({ body }) => body as { messages: { content: unknown }[] });
    const blocks = bodies.map(({ messages }) => messages[0]?.content as object[]);
    const asked = blocks.filter((content) => JSON.stringify(content).includes(prompt));
    expect(asked).toHaveLength(1);
    // Claude Code writes them into its temporary folder, and says so to its model.
    expect(JSON.stringify(asked)).toMatch(/\/images\/1\.png/);
    const left = await readdir(stack().home, { recursive: true });
    expect(left.filter((path) => path.endsWith('.png'))).toEqual([]);
    const source = { type: 'base64', media_type: 'image/png', data: PNG };
    const at = asked[0]!.findIndex((block) => 'source' in block);
    expect(asked[0]!.slice(at, at + 3)).toEqual([
      expect.objectContaining({ type: 'image', source }),
      expect.objectContaining({
        type: 'document',
        source: { type: 'text', media_type: 'text/plain', data: 'A note: grün 🌱' },
      }),
      expect.objectContaining({ type: 'text', text: expect.stringContaining(prompt) }),
    ]);
  });

  it('has the system prompt and the settings of a job, by the flags of cc-executor run', async () => {
    async function askedWith(...flags: string[]) {
      const prompt = `Arr? ${randomBytes(4).toString('hex')}`;
      const append = ['--append-system-prompt', 'Be kind.'];
      const child = runNode([main, 'run', '--url', stack().url(), ...flags, ...append, prompt]);
      expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });
      const asked = stack().model.requests.find(({ body }) => JSON.stringify(body).includes(prompt));
      return asked?.body as { system: { text: string }[] } | undefined;
    }
    const [replaced, set] = await Promise.all([
      askedWith('--system-prompt', 'You are a pirate.'),
      askedWith('--settings', '{"language":"klingon"}'),
    ]);
    expect(replaced?.system.at(-1)?.text).toBe('You are a pirate.\n\nBe kind.');
    for (const text of ['respond in klingon', 'Be kind.']) expect(JSON.stringify(set)).toContain(text);
  });

  it('gets no hooks, not even from an operator who would: no job is accepted', async () => {
    const hook = { hooks: [{ type: 'command', command: 'touch hooked' }] };
    const { wire, close } = await nativeDoor.connect(stack());
    const settings = { language: 'klingon', hooks: { SessionStart: [hook] } };
    const { error } = await wire.request('execute', { prompt: 'x', settings }).finally(close);
    expect(error).toMatchObject({ data: { code: 'beyond_ceiling' } });
    expect(error.message).toMatch(/may not set hooks \(CLAUDE_REQUEST_SETTINGS\)$/);
  });

  it.each([
    [{}, ['message', 'tool_started', 'message', 'tool_ended']],
    [{ toolMessages: false }, ['tool_started', 'tool_ended']],
  ])('tells its tools by events, with %o as %j', async (params, types) => {
    const events = await eventsOf('[[bash: echo out; exit 3]]', params);
    const told = events.filter(({ type }) => type === 'message' || type.startsWith('tool_'));
    expect(told.map(({ type }) => type)).toEqual(types);
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

    it('that is met completes, with the object, its text, and a transcript that says the same', async () => {
      const end = await run(met, { outputSchema });
      expect(end).toMatchObject({
        ...{ type: 'completed', structuredOutput: { city: 'Bern' }, text: '{"city":"Bern"}' },
      });
      const { wire, close } = await nativeDoor.connect(stack());
      const { result } = await wire.request('verify', { jobId: end.jobId }).finally(close);
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

    it('of cc-executor run prints the object', async () => {
      const schema = JSON.stringify(outputSchema);
      const child = runNode([main, 'run', '--url', stack().url(), '--output-schema', schema, met]);
      expect(await child.ended, child.stderr()).toEqual({ code: 0, signal: null });
      expect(JSON.parse(child.stdout())).toEqual({ city: 'Bern' });
    });
  });
});
