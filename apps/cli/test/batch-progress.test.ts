import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { createBatchProgress } from '../src/batch-progress.ts';

const noCounts = { cancelled: 0, timed_out: 0, refused: 0, expired: 0 };
const half = { lines: 1000, counts: { ...noCounts, queued: 480, running: 20, completed: 400, failed: 100 } };

function shown(stream: { isTTY?: boolean; columns?: number }, times = 1): string {
  const output = Object.assign(new PassThrough({ encoding: 'utf8' }), stream);
  const progress = createBatchProgress(output);
  for (let time = 0; time < times; time += 1) progress.show(half);
  progress.end();
  return output.read();
}

it('draws a bar and counts over each other, on one line of the terminal whatever its width', () => {
  const text = '500/1000 ended, 20 running, 100 not completed';
  expect(shown({ isTTY: true, columns: 80 })).toBe(`\r${'█'.repeat(10)}${'░'.repeat(10)} ${text}\u001b[K\n`);
  for (const columns of [20, 44, 45, 46, 47, 50, 66]) {
    const [line = ''] = shown({ isTTY: true, columns }).slice(1).split('\u001b');
    expect(line.length).toBeLessThan(columns);
    expect(line).toContain(text.slice(0, columns - 1));
  }
});

it('writes a line for each tenth where nothing can be drawn over', () => {
  expect(shown({}, 3)).toBe('500/1000 ended, 20 running, 100 not completed\n');
});
