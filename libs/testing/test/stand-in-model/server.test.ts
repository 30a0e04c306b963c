import { expect, onTestFinished, test } from 'vitest';
import { startStandInModel } from '../../src/index.ts';

type Model = Awaited<ReturnType<typeof startStandInModel>>;

async function start(options?: Parameters<typeof startStandInModel>[0]): Promise<Model> {
  const model = await startStandInModel(options);
  onTestFinished(() => model.close());
  return model;
}

function ask(model: Model, content: unknown, fields: object = {}, signal?: AbortSignal): Promise<Response> {
  const messages = [{ role: 'user', content }];
  const body = JSON.stringify({ model: 'm', stream: true, messages, ...fields });
  return fetch(`${model.url}/v1/messages?beta=true`, { method: 'POST', body, signal: signal ?? null });
}

type Event = {
  type: string;
  delta?: { text?: string; partial_json?: string; stop_reason?: string };
};

function parseEvents(text: string): Event[] {
  return [...text.matchAll(/^data: (.*)$/gm)].map((match) => JSON.parse(match[1]!) as Event);
}

function textOf(events: Event[]): string {
  return events.map((event) => event.delta?.text ?? '').join('');
}

test('it echoes what the user said, without reminders, in the order of events of the Messages API', async () => {
  const model = await start();
  const content = [
    { type: 'text', text: '<system-reminder>not this</system-reminder>' },
    { type: 'text', text: 'hello 🚀' },
  ];
  const response = await ask(model, content);
  expect(response.headers.get('content-type')).toBe('text/event-stream');
  const events = parseEvents(await response.text());
  expect(textOf(events)).toBe('You said: hello 🚀');
  expect([...new Set(events.map((event) => event.type))]).toEqual([
    'message_start',
    'content_block_start',
    'content_block_delta',
    'content_block_stop',
    'message_delta',
    'message_stop',
  ]);
  expect(model.requests.map((call) => [call.prompt, call.stream])).toEqual([['hello 🚀', true]]);
});

test('it answers in one document when no stream was asked for', async () => {
  const response = await ask(await start(), '[[text: whole]]', { stream: false });
  expect(await response.json()).toMatchObject({
    content: [{ type: 'text', text: 'whole' }],
    stop_reason: 'end_turn',
  });
});

test('it asks for any tool with its input', async () => {
  const response = await ask(await start(), '[[tool: Read {"file_path":"/x"}]]', { stream: false });
  expect(await response.json()).toMatchObject({
    content: [{ type: 'tool_use', name: 'Read', input: { file_path: '/x' } }],
    stop_reason: 'tool_use',
  });
});

test('it asks for one Bash call after another and reports the last result', async () => {
  const model = await start();
  const prompt = { role: 'user', content: '[[bash: echo a]] [[bash: echo b]]' };
  const result = (content: unknown) => ({ role: 'user', content: [{ type: 'tool_result', content }] });
  const used = { role: 'assistant', content: [] };
  const turn = async (messages: object[]) => parseEvents(await (await ask(model, '', { messages })).text());
  const first = await turn([prompt]);
  expect(first.map((event) => event.delta?.partial_json ?? '').join('')).toContain('echo a');
  expect(first.find((event) => event.type === 'message_delta')?.delta?.stop_reason).toBe('tool_use');
  const second = await turn([prompt, used, result('A')]);
  expect(second.map((event) => event.delta?.partial_json ?? '').join('')).toContain('echo b');
  const third = await turn([prompt, used, result('A'), used, result([{ type: 'text', text: 'B' }])]);
  expect(textOf(third)).toBe('The output is:\nB');
});

test('pieces and length of an answer can be chosen', async () => {
  const model = await start();
  const pieces = parseEvents(await (await ask(model, '[[chunks: 100]]')).text()).filter(
    (event) => event.type === 'content_block_delta',
  );
  expect(pieces).toHaveLength(100);
  expect(textOf(pieces)).toMatch(/^w0 w1 .* w99 $/);
  const long = parseEvents(await (await ask(model, '[[size: 100000]] [[chunks: 7]]')).text());
  expect(textOf(long)).toHaveLength(100_000);
});

test('a status is answered, as often as it was asked for', async () => {
  const model = await start();
  const refused = await ask(model, '[[status: 529 1]]');
  expect(refused.status).toBe(529);
  expect(await refused.json()).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } });
  expect((await ask(model, '[[status: 529 1]]')).status).toBe(200);
});

test('a stream can be dropped after some pieces, which arrive', async () => {
  const model = await start();
  const response = await ask(model, '[[drop-after: 3]] [[chunks: 9]]');
  let received = '';
  const read = async () => {
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) received += text;
  };
  await expect(read()).rejects.toThrow();
  expect(textOf(parseEvents(received))).toBe('w0 w1 w2 ');
  expect(await model.waitForEnding(model.requests[0]!)).toBe('dropped');
});

test('a caller that leaves a hanging answer is noticed', async () => {
  const model = await start();
  const caller = new AbortController();
  const response = await ask(model, '[[hang]]', {}, caller.signal);
  const call = await model.waitForRequest((request) => request.prompt === '[[hang]]');
  expect([response.status, call.ending]).toEqual([200, undefined]);
  caller.abort();
  expect(await model.waitForEnding(call)).toBe('caller-gone');
});

test('a script goes before the directives of the prompt', async () => {
  const model = await start({
    script: (request) => (request.model === 'm' ? { text: 'scripted' } : undefined),
  });
  expect(textOf(parseEvents(await (await ask(model, '[[text: no]]')).text()))).toBe('scripted');
  const other = await ask(model, '[[text: yes]]', { model: 'other' });
  expect(textOf(parseEvents(await other.text()))).toBe('yes');
});

test('whatever else a client asks is answered in a friendly way', async () => {
  const model = await start();
  const count = await fetch(`${model.url}/v1/messages/count_tokens`, {
    method: 'POST',
    body: '{"messages":[]}',
  });
  expect(await count.json()).toEqual({ input_tokens: 4 });
  expect((await fetch(`${model.url}/`, { method: 'HEAD' })).status).toBe(200);
  const broken = await fetch(`${model.url}/v1/messages`, { method: 'POST', body: '{' });
  expect(broken.status).toBe(400);
});
