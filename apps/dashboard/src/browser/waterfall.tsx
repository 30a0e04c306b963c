/** The moments of a job, one under the other, each where it lies in time. */
import type { Moment } from '@cc-executor/timeline';
import { formatDuration } from './format.ts';
import { spansOf } from './spans.ts';

const MAX_DETAIL = 300;

type WaterfallProps = { moments: readonly Moment[]; moreTools: number; now: number };

export function Waterfall({ moments, moreTools, now }: WaterfallProps) {
  const { spans, totalMs } = spansOf(moments, now);
  return (
    <>
      <ol class="waterfall">
        {spans.map(({ kind, title, detail, isBad, parent, fromMs, spanMs, isOpen }, index) => (
          <li key={index} class={`${kind} ${isBad ? 'bad' : ''} ${parent === undefined ? '' : 'nested'}`}>
            <span class="when">+{formatDuration(fromMs)}</span>
            <span class="what">
              <strong>{title}</strong> {detail && <span>{detail.slice(0, MAX_DETAIL)}</span>}
            </span>
            <span class="took">
              {spanMs > 0 && formatDuration(spanMs)}
              {isOpen && ' …'}
            </span>
            <span class="track" aria-hidden="true">
              <span
                class="bar"
                style={{ left: `${(100 * fromMs) / totalMs}%`, width: `${(100 * spanMs) / totalMs}%` }}
              />
            </span>
          </li>
        ))}
      </ol>
      {moreTools > 0 && <p>and {moreTools} more uses of tools</p>}
    </>
  );
}
