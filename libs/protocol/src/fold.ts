/**
 * Folds a job's events into its text and its state. Folding a replay and then a tail gives what folding all at once gives:
 * the fold is the whole memory of it, and a snapshot is a fold that somebody else has made.
 */
import type { EventHead, JobEvent, JobStatus } from './generated/messages.ts';
import { isTerminalEvent } from './statuses.ts';

/** Of an `output`. */
type Piece = { seq: number; text: string; begin?: boolean | undefined };

/** A tool that is at work. */
type ToolAtWork = { seq: number; toolUseId: string; name: string; parent?: string | undefined };

/** How a job stands, as its events tell. */
type FoldState = {
  readonly status: JobStatus;
  readonly paused: boolean;
  /** Of `started`. */
  readonly engine?: string | undefined;
  readonly model?: string | undefined;
  readonly version?: string | undefined;
  /** Nothing has come since that `throttled`. */
  readonly throttledUntilMs?: number | undefined;
  /** The last 100 at most. */
  readonly tools: readonly ToolAtWork[];
};

export type Fold = { readonly pieces: readonly Piece[]; readonly state: FoldState };

export const emptyFold: Fold = { pieces: [], state: { status: 'queued', paused: false, tools: [] } };

const MAX_TOOLS = 100;

/** As it is written, or as it is read. */
type Foldable = WithSeqAlone<JobEvent>;
type WithSeqAlone<E> = E extends EventHead ? Omit<E, Exclude<keyof EventHead, 'seq'>> : never;

/** Takes events into the fold; changes nothing but the returned value. Copies what it holds: give it many at once. */
export function foldEvents(fold: Fold, events: Iterable<Foldable>): Fold {
  const all = [...events];
  return { pieces: foldPieces(fold.pieces, all), state: all.reduce(nextState, fold.state) };
}

/** The same for the text alone. */
export function foldPieces(before: readonly Piece[], events: Iterable<Foldable>): readonly Piece[] {
  let pieces = [...before];
  for (const event of events) {
    if (event.type === 'output') {
      const { seq, text, begin } = event;
      pieces.push({ seq, text, ...(begin && { begin }) });
    } else if (event.type === 'reset') {
      pieces = pieces.filter((piece) => piece.seq < event.discardFromSeq);
    }
  }
  return pieces;
}

function nextState(state: FoldState, event: Foldable): FoldState {
  if (isTerminalEvent(event)) {
    const { throttledUntilMs: _over, ...last } = state;
    return { ...last, status: event.type, paused: false, tools: [] };
  }
  switch (event.type) {
    case 'output':
      return withoutThrottle(state);
    case 'started': {
      const { engine, model, version } = event;
      const { paused, tools } = state;
      const named = { ...(engine && { engine }), ...(model && { model }), ...(version && { version }) };
      return { status: 'running', paused, ...named, tools };
    }
    case 'throttled':
      return { ...state, throttledUntilMs: event.untilMs };
    case 'paused':
      return { ...state, paused: true };
    case 'resumed':
      return { ...state, paused: false };
    case 'reset': {
      const tools = state.tools.filter(({ seq }) => seq < event.discardFromSeq);
      // The whole job begins anew.
      const paused = state.paused && event.attemptsLeft === undefined;
      return { ...withoutThrottle(state), paused, tools };
    }
    case 'tool_started': {
      const { seq, toolUseId, name, parent } = event;
      const tool = { seq, toolUseId, name, ...(parent !== undefined && { parent }) };
      return { ...state, tools: [...state.tools, tool].slice(-MAX_TOOLS) };
    }
    case 'tool_ended':
      return { ...state, tools: state.tools.filter(({ toolUseId }) => toolUseId !== event.toolUseId) };
    default:
      return state;
  }
}

/** The same object where nothing changes: there are many outputs. */
function withoutThrottle(state: FoldState): FoldState {
  if (state.throttledUntilMs === undefined) return state;
  const { throttledUntilMs: _over, ...others } = state;
  return others;
}

/** Whether folding this event changes anything. */
export function changesText({ type }: Pick<JobEvent, 'type'>): boolean {
  return type === 'output' || type === 'reset';
}

/** All text blocks, joined: what the digest is taken of. */
export function foldedText(fold: Pick<Fold, 'pieces'>): string {
  return fold.pieces.map((piece) => piece.text).join('');
}

/** The last text block: what Claude Code calls its result. */
export function foldedAnswer(fold: Pick<Fold, 'pieces'>): string {
  const start = fold.pieces.findLastIndex((piece) => piece.begin);
  return fold.pieces
    .slice(Math.max(start, 0))
    .map((piece) => piece.text)
    .join('');
}
