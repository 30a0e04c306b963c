/** What the reader makes of the real Claude Code, run now: its text is the CLI's own result. */
import { recordClaude, SHORT_LIVED } from '@cc-executor/testing';
import { beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { createTextDigest } from '../src/index.ts';
import { foldBlocks, readAll } from './recordings.ts';

const claude = inject('realClaude');

const prompts: Record<string, string> = {
  'a short answer': '[[text: grün 🚀 €]]',
  'an answer in many pieces': '[[chunks: 300]]',
  'a tool, then an answer': '[[bash: echo $((6 * 7))]]',
  'a tool with more output than is kept': "[[bash: head -c 3000000 /dev/zero | tr '\\000' x]] [[text: done]]",
  'an answer that was begun anew': '[[drop-after: 5]] [[chunks: 20]] [[delay: 50]]',
  'an answer after a retry': '[[status: 529 1]] [[text: at last]]',
  'an answer of 3 MB in few pieces': '[[size: 3000000]] [[chunks: 3]]',
  'an answer that the model broke off': '[[stop: refusal]] [[text: That I will]]',
};

describe('the real Claude Code', () => {
  /** What it prints for each prompt. To start it takes longer than all of these, so they are turns of one session. */
  const turns: string[][] = [];

  beforeAll(async () => {
    if ('missing' in claude) return;
    const { lines, exitCode } = await recordClaude({
      bin: claude.bin,
      prompt: Object.values(prompts),
      args: ['--allowedTools=Bash'],
      env: SHORT_LIVED,
    });
    expect(exitCode).toBe(0);
    let turn: string[] = [];
    for (const line of lines) {
      turn.push(line);
      if (JSON.parse(line).type !== 'result') continue;
      turns.push(turn);
      turn = [];
    }
    expect(turns).toHaveLength(Object.keys(prompts).length);
    // Else none was begun anew.
    expect(turns.flatMap(readAll).some(({ type }) => type === 'discard')).toBe(true);
  });
  beforeEach(({ skip }) => {
    if ('missing' in claude) skip(claude.missing);
  });

  it.each(Object.keys(prompts).map((what, index) => [what, index] as const))(
    'gives %s: folding what was streamed gives its own result',
    (_, index) => {
      const events = readAll(turns[index]!);
      const results = events.flatMap((event) => (event.type === 'result' ? [event.result] : []));
      expect(results).toHaveLength(1);
      const blocks = foldBlocks(events);
      // Not by a matcher: it would print megabytes.
      expect(blocks.at(-1) === results[0]?.result).toBe(true);
      const digest = createTextDigest();
      for (const event of events) {
        if (event.type === 'text') digest.append(event.text, event.begin);
        else if (event.type === 'discard') digest.discard();
      }
      expect(digest.value().bytes).toBe(Buffer.byteLength(blocks.join('')));
    },
  );
});
