/** What the reader makes of the real Claude Code, run now: its text is the CLI's own result. */
import { recordClaude } from '@cc-executor/testing';
import { beforeEach, describe, expect, inject, it } from 'vitest';
import { createTextDigest } from '../src/index.ts';
import { foldBlocks, readAll } from './recordings.ts';

const claude = inject('realClaude');

describe('the real Claude Code', () => {
  beforeEach(({ skip }) => {
    if ('missing' in claude) skip(claude.missing);
  });

  it.each([
    ['a short answer', '[[text: grün 🚀 €]]'],
    ['an answer in many pieces', '[[chunks: 300]]'],
    ['an answer of 3 MB in few pieces', '[[size: 3000000]] [[chunks: 3]]'],
    ['a tool, then an answer', '[[bash: echo $((6 * 7))]]'],
    [
      'a tool with more output than is kept',
      "[[bash: head -c 3000000 /dev/zero | tr '\\000' x]] [[text: done]]",
    ],
    ['an answer that was begun anew', '[[drop-after: 5]] [[chunks: 20]]'],
    ['an answer after a retry', '[[status: 529 1]] [[text: at last]]'],
    ['an answer that the model broke off', '[[stop: refusal]] [[text: That I will]]'],
  ])('gives %s: folding what was streamed gives its own result', async (_, prompt) => {
    const { bin } = claude as { bin: string };
    const { lines, exitCode } = await recordClaude({ bin, prompt, args: ['--allowedTools=Bash'] });
    expect(exitCode).toBe(0);
    const events = readAll(lines);
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
  });
});
