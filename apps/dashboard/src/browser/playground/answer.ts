/** What a job answers, as its events tell it: texts and uses of tools in their order. Bounded: of a very long text the end is kept. */
import { isTerminalEvent, type JobEvent, type JobStatus, type TerminalEvent } from '@cc-executor/client';
import { MAX_TOOLS } from '@cc-executor/timeline';
import type { ToolUse } from '../story.ts';

const MAX_TEXT = 300_000;

type TextPart = { kind: 'text'; seq: number; text: string };
type ToolPart = { kind: 'tool'; seq: number; use: ToolUse };

type AnswerPart = TextPart | ToolPart;

export type Answer = {
  parts: readonly AnswerPart[];
  /** Characters that are left out before the first part. */
  cut: number;
  moreTools: number;
  status: JobStatus | 'paused';
  events: number;
  /** Every event has come, each once and in its order. */
  isWhole: boolean;
  end: TerminalEvent | undefined;
};

export type AnswerFold = {
  /** In the order of the log, from its first on. */
  take(event: JobEvent): void;
  answer(): Answer;
};

export function createAnswerFold(): AnswerFold {
  /** A text as its outputs came, so that a reset can discard some. */
  let pieces: (TextPart | ToolPart)[] = [];
  let length = 0;
  let tools = 0;
  const answer = { cut: 0, events: 0, isWhole: true, status: 'queued' as Answer['status'] };
  let end: TerminalEvent | undefined;

  function push(piece: TextPart): void {
    pieces.push(piece);
    length += piece.text.length;
    if (length > MAX_TEXT) cutBeginning();
  }

  /** Some more than is needed, so that it is not done for each event. */
  function cutBeginning(): void {
    pieces = pieces.filter((piece) => {
      if (piece.kind === 'tool' || length <= 0.8 * MAX_TEXT) return true;
      length -= piece.text.length;
      answer.cut += piece.text.length;
      return false;
    });
  }

  function discardFrom(seq: number): void {
    pieces = pieces.filter((piece) => piece.seq < seq);
    length = pieces.reduce((sum, piece) => sum + (piece.kind === 'text' ? piece.text.length : 0), 0);
  }

  function startTool(started: ToolUse['started']): void {
    tools += 1;
    if (tools <= MAX_TOOLS) pieces.push({ kind: 'tool', seq: started.seq, use: { started } });
  }

  function endTool(ended: NonNullable<ToolUse['ended']>): void {
    pieces = pieces.map((piece) =>
      piece.kind === 'tool' && piece.use.started.toolUseId === ended.toolUseId
        ? { ...piece, use: { ...piece.use, ended } }
        : piece,
    );
  }

  function take(event: JobEvent): void {
    answer.events += 1;
    if (event.seq !== answer.events) answer.isWhole = false;
    if (isTerminalEvent(event)) {
      end = event;
      answer.status = event.type;
    } else if (event.type === 'started' || event.type === 'resumed') answer.status = 'running';
    else if (event.type === 'paused') answer.status = 'paused';
    else if (event.type === 'output') {
      push({ kind: 'text', seq: event.seq, text: event.begin ? `\n\n${event.text}` : event.text });
    } else if (event.type === 'reset') discardFrom(event.discardFromSeq);
    else if (event.type === 'tool_started') startTool(event);
    else if (event.type === 'tool_ended') endTool(event);
  }

  return {
    take,
    answer: () => ({ ...answer, end, parts: joinTexts(pieces), moreTools: Math.max(0, tools - MAX_TOOLS) }),
  };
}

/** Texts that follow on each other are one. */
function joinTexts(pieces: readonly AnswerPart[]): AnswerPart[] {
  const parts: AnswerPart[] = [];
  for (const piece of pieces) {
    const last = parts.at(-1);
    if (piece.kind === 'text' && last?.kind === 'text') last.text += piece.text;
    else parts.push({ ...piece });
  }
  return parts;
}
