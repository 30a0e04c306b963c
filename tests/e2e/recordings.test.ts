/** Recordings of the real Claude Code, replayed by a scripted upstream: through worker, Redis and gateway to a client. */
import { createHash } from 'node:crypto';
import { emptyFold, foldEvents, foldedAnswer, foldedText, type JobEvent } from '@cc-executor/protocol';
import {
  recordedEndings,
  recordingScript,
  type Stack,
  startStack,
  type UpstreamScript,
} from '@cc-executor/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dialectDoor, nativeDoor } from './support/doors.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { startScripts } from './support/scripts.ts';

let scripts: Awaited<ReturnType<typeof startScripts>>;
let stack: Stack;
let nothingLeft: () => Promise<void>;

beforeAll(async () => {
  scripts = await startScripts();
  stack = await startStack({ env: RESTLESS, upstream: { url: scripts.upstream.url } });
  nothingLeft = watchLeftovers(stack);
});
afterAll(async () => {
  try {
    await nothingLeft();
    expect(scripts.upstream.openConnections()).toBe(0);
  } finally {
    await stack.close();
    await scripts.upstream.close();
  }
});

type Script = ReturnType<typeof recordingScript>;

async function replay({ steps, ...rest }: UpstreamScript & Pick<Script, 'steps'>): Promise<JobEvent[]> {
  const visitor = await nativeDoor.connect(stack);
  const task = await visitor.execute(scripts.file(steps, rest));
  await task.ended;
  const events = visitor.wire.events(await task.jobId());
  await visitor.close();
  return events;
}

/** The `result` member of the recording's result line: what the CLI itself calls its answer. */
function resultOf({ steps }: Script): string {
  const lines = steps.flatMap((step) => ('line' in step && typeof step.line === 'string' ? [step.line] : []));
  return lines.map((line) => JSON.parse(line)).find(({ type }) => type === 'result').result;
}

const failing: Record<string, string> = {
  overloaded: 'claude_overloaded',
  interrupted: 'claude_interrupted',
  unauthorized: 'claude_auth',
  'rate-limited': 'claude_rate_limited',
  'bad-request': 'claude_error',
  'max-turns': 'claude_max_turns',
  'usage-limit': 'claude_usage_limit',
};

/** As claude-api closes such a run. */
function recorded(name: string): Script {
  const status = name in failing ? 'error' : 'success';
  return recordingScript(name, { complete: { status, exit_code: recordedEndings()[name]?.exitCode } });
}

function expectAnswer(events: JobEvent[], expected: string, evidence: string): void {
  const fold = foldEvents(emptyFold, events);
  const sha256 = createHash('sha256').update(foldedText(fold)).digest('hex');
  expect(foldedAnswer(fold)).toBe(expected);
  expect(events.at(-1)).toMatchObject({
    type: 'completed',
    text: expected,
    evidence,
    digest: { sha256, bytes: Buffer.byteLength(foldedText(fold)) },
  });
}

const completing = ['ok', 'tool', 'drop', 'long-tool', 'failed-tool', 'denied-tool', 'retried', 'refused'];

describe.each(completing)('the recording %s', (name) => {
  it("ends completed with the CLI's own result", async () => {
    const script = recorded(name);
    const events = await replay(script);
    expectAnswer(events, resultOf(script), 'complete-line');
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.some(({ type }) => type === 'reset')).toBe(name === 'drop');
  });

  it('ends completed on its result line, where there is no complete line', async () => {
    const script = recordingScript(name, { complete: false, start: false });
    expectAnswer(await replay(script), resultOf(script), 'result-line');
  });

  it('is not completed when its connection closes before the result', async () => {
    const { steps } = recordingScript(name, { complete: false });
    const result = steps.findIndex((step) => 'line' in step && String(step.line).includes('"type":"result"'));
    expect(result).toBeGreaterThan(0);
    const events = await replay({ steps: [...steps.slice(0, result), { fin: true }] });
    expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code: 'upstream_cut' }, partial: true });
  });

  it("reaches a client of the prototype's dialect, its result at the end of the output", async () => {
    const script = recorded(name);
    const visitor = await dialectDoor.connect(stack);
    const task = await visitor.execute(scripts.file(script.steps));
    const { status, text } = await task.ended;
    expect(status).toBe('COMPLETED');
    expect(text.endsWith(resultOf(script))).toBe(true);
    await visitor.close();
  });
});

it('shows a tool call and its result as messages, in their order', async () => {
  const events = await replay(recorded('tool'));
  const blocks = events
    .flatMap((event) =>
      event.type === 'message' ? [event.message as { message?: { content?: unknown } }] : [],
    )
    .flatMap(({ message }) => (Array.isArray(message?.content) ? message.content : []))
    .map((block: { type: string }) => block.type);
  expect(blocks.filter((type) => type.startsWith('tool_'))).toEqual(['tool_use', 'tool_result']);
});

it.each(Object.entries(failing))(
  'the recording %s ends failed with %s, whatever the complete line says',
  async (name, code) => {
    for (const script of [
      recorded(name),
      recordingScript(name),
      recordingScript(name, { complete: false }),
    ]) {
      const events = await replay(script);
      expect(events.at(-1)).toMatchObject({ type: 'failed', error: { code } });
    }
  },
);
