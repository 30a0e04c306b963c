/** How far a batch is, on standard error: a bar that is drawn over on a terminal, a line for each tenth elsewhere. */
import type { Writable } from 'node:stream';
import { columnsOf } from './wrap.ts';

const BAR_CELLS = 20;

const DEFAULT_COLUMNS = 80;

export type BatchProgress = {
  show(batch: { lines: number; counts: Record<'queued' | 'running' | 'completed', number> }): void;
  /** Leaves the last state standing. */
  end(): void;
};

export function createBatchProgress(stream: Writable & { isTTY?: boolean; columns?: number }): BatchProgress {
  let shownTenth: number | undefined;
  let isDrawn = false;

  return {
    show({ lines, counts }) {
      const { queued, running, completed } = counts;
      const ended = lines - queued - running;
      const share = lines === 0 ? 1 : ended / lines;
      const text = `${ended}/${lines} ended, ${running} running, ${ended - completed} not completed`;
      if (stream.isTTY) {
        // A line that wraps cannot be drawn over: the bar makes way for the counts.
        const columns = (columnsOf(stream) ?? DEFAULT_COLUMNS) - 1;
        const cells = Math.max(0, Math.min(BAR_CELLS, columns - text.length - 1));
        const filled = Math.floor(share * cells);
        const bar = cells === 0 ? '' : `${'█'.repeat(filled)}${'░'.repeat(cells - filled)} `;
        // Clears what a longer text left behind it.
        stream.write(`\r${bar}${text.slice(0, columns)}\u001b[K`);
        isDrawn = true;
      } else if (Math.floor(share * 10) !== shownTenth) {
        shownTenth = Math.floor(share * 10);
        stream.write(`${text}\n`);
      }
    },
    end() {
      if (isDrawn) stream.write('\n');
      isDrawn = false;
    },
  };
}
