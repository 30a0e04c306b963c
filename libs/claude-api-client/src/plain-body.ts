/**
 * Reads a plain-text body, for services of the prototype. There is no line that says how it ended, so the end
 * itself must be evidence: in good order, under a framing in which a cut would have shown, and not empty.
 */
import { createAnswer } from './answer.ts';
import { createPreamble } from './plain-preamble.ts';
import { progress, type ResponseBody } from './response-body.ts';
import type { UpstreamEvent, UpstreamFailure } from './upstream-events.ts';

export function createPlainBody(): ResponseBody {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const preamble = createPreamble();
  const answer = createAnswer();
  let started = false;

  function emit(text: string, events: UpstreamEvent[]): void {
    const { executionId } = preamble;
    if (!started && (text !== '' || executionId !== undefined)) {
      started = true;
      events.push({ type: 'started', ...(executionId && { executionId }) });
    }
    if (text === '') return;
    const begin = answer.isEmpty();
    answer.append(text, begin);
    events.push({ type: 'text', text, begin });
  }

  function failed(code: UpstreamFailure['code'], message: string): UpstreamFailure {
    return { status: 'failed', code, message, sent: true, digest: answer.digest() };
  }

  return {
    isComplete: false,
    isResting: false,
    read(chunk, events) {
      const before = events.length;
      emit(preamble.push(decoder.decode(chunk, { stream: true })), events);
      if (events.length === before) return progress.none;
      return events.at(-1)?.type === 'text' ? progress.output : progress.alive;
    },
    readRest(events) {
      emit(preamble.push(decoder.decode()) + preamble.end(), events);
    },
    judge(end) {
      if (end.kind === 'cut') {
        return failed('upstream_cut', `The connection to claude-api broke within its answer (${end.detail})`);
      }
      if (answer.isEmpty()) return failed('upstream_incomplete', "claude-api's answer was empty");
      if (end.kind === 'end' && end.framed) {
        const text = answer.lastBlock();
        const ended = { status: 'completed', evidence: 'clean-eof', digest: answer.digest() } as const;
        return text === undefined ? ended : { ...ended, text };
      }
      const message = 'The answer of claude-api has no framing, so that its end may as well be a cut';
      return failed('upstream_incomplete', message);
    },
    summary: () => ({ digest: answer.digest() }),
  };
}
