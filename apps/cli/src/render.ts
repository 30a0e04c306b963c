/**
 * What each event looks like: answer text for standard output, notes for standard error, what the spinner says.
 * Pure state: which text was printed, so that a reset can say whether it is void.
 */
import type { JobEvent, TerminalEvent } from '@cc-executor/protocol';
import { isTerminalEvent } from '@cc-executor/protocol/plain';
import { noticeTexts, tellingInput } from '@cc-executor/timeline';
import type { Colors } from './colors.ts';
import { formatClock, formatCost, formatCount, formatDuration, oneLine } from './format.ts';
import { describeWait } from './queue-position.ts';

export type Rendering = {
  /** For standard output. */
  text?: string;
  /** The text begins on a new line, whatever stands before it. */
  freshLine?: boolean;
  /** Lines for standard error, unless they are not wanted. */
  notes?: string[];
  /** Lines for standard error in any case. */
  warnings?: string[];
  /** What we wait for now. */
  waiting?: string;
};

export type Renderer = { render(event: JobEvent): Rendering };

const MAX_TOOL_LINE = 100;
const AT_WORK = 'Claude is at work';
const MAX_MESSAGE = 2_000;

/** Renders the events of one job, in order. */
export function createRenderer(colors: Colors): Renderer {
  let printedSeq = 0;
  let isWhole = false;
  let isReset = false;

  function renderText(seq: number, text: string, begin: boolean): Rendering {
    const freshLine = begin || isReset;
    isReset = false;
    printedSeq = seq;
    return { text, freshLine };
  }

  function renderReset(discardFromSeq: number, reason: string): Rendering {
    const why = oneLine(reason, MAX_MESSAGE);
    if (printedSeq < discardFromSeq) return { notes: [colors.dim(`↺ starting anew: ${why}`)] };
    isReset = true;
    const warning = `↺ The last text is void (${why}); what follows takes its place.`;
    return { warnings: [colors.yellow(warning)], waiting: 'starting anew' };
  }

  function renderEnd(event: TerminalEvent): Rendering {
    const troubles = [...denialLines(event), ...backgroundLines(event)];
    const notes = [...troubles.map((line) => colors.yellow(`⚠ ${line}`)), describeEnd(event, colors)];
    if (event.conversation)
      notes.push(colors.dim(`↪ conversation ${oneLine(event.conversation, MAX_TOOL_LINE)}`));
    // An answer that no output event carried; with `--after` it may have come before we listened.
    const isUnseen = isWhole && printedSeq === 0 && event.type === 'completed';
    return isUnseen && event.text ? { text: event.text, notes } : { notes };
  }

  return {
    render(event) {
      if (event.seq === 1) isWhole = true;
      if (isTerminalEvent(event)) return renderEnd(event);
      switch (event.type) {
        case 'queued':
          return {
            notes: [colors.dim(`● queued  ${event.jobId}`)],
            waiting: describeWait(event.position),
          };
        case 'started':
          return renderStart(event, colors);
        case 'output':
          return renderText(event.seq, event.text, event.begin === true);
        case 'tool_started': {
          const line = oneLine(`${event.name} ${tellingInput(event.input)}`, MAX_TOOL_LINE);
          const notes = [colors.dim(`${event.parent === undefined ? '' : '  '}⚒ ${line}`)];
          return { notes, waiting: `⚒ ${line}` };
        }
        case 'tool_ended':
          return { waiting: AT_WORK };
        case 'message':
          return {};
        case 'notice':
          return { notes: noticeLines(event.message).map((line) => colors.yellow(`⚠ ${line}`)) };
        case 'throttled': {
          const { limit } = event;
          const why = limit === undefined ? event.reason : `${event.reason} (${limit})`;
          const until = `waiting until ${formatClock(event.untilMs)}: ${oneLine(why, MAX_MESSAGE)}`;
          return { notes: [colors.yellow(`⏸ ${until}`)], waiting: until };
        }
        case 'paused': {
          const what = `paused, for ${formatDuration(event.limitMs)} at most`;
          return { notes: [colors.yellow(`⏸ ${what}`)], waiting: what };
        }
        case 'resumed':
          return {
            notes: [colors.dim(`▶ resumed after ${formatDuration(event.pausedMs)}`)],
            waiting: 'going on',
          };
        case 'pause_refused': {
          const why = oneLine(event.reason, MAX_MESSAGE);
          return { notes: [colors.yellow(`⚠ could not ${event.request}: ${why}`)] };
        }
        case 'reset':
          return renderReset(event.discardFromSeq, event.reason);
        default:
          event satisfies never;
          // An event of a newer gateway.
          return {};
      }
    },
  };
}

function renderStart(event: Extract<JobEvent, { type: 'started' }>, colors: Colors): Rendering {
  const attempt = event.attempt > 1 ? `, attempt ${event.attempt}` : '';
  const model = event.model === undefined ? '' : `  ${oneLine(event.model, MAX_TOOL_LINE)}`;
  const failed = (event.mcpServers ?? []).filter(({ status }) => !['connected', 'pending'].includes(status));
  const notes = [
    colors.dim(`▶ started${model}${attempt}`),
    ...failed.map(({ name, status }) => {
      return colors.yellow(`⚠ MCP server ${oneLine(name, MAX_TOOL_LINE)}: ${oneLine(status, MAX_TOOL_LINE)}`);
    }),
  ];
  if (event.engine !== 'demo') return { notes, waiting: AT_WORK };
  const warning = ' DEMO: no Claude runs here; the answer is made up. ';
  return { notes, warnings: [colors.bold(colors.inverse(warning))], waiting: 'the demo is at work' };
}

/** One line for each tool that was not allowed. */
function denialLines({ permissionDenials = [], moreDenials = 0 }: TerminalEvent): string[] {
  const lines = permissionDenials.map(({ tool, input = {} }) => {
    return oneLine(`not allowed: ${tool} ${tellingInput(input)}`, MAX_TOOL_LINE);
  });
  return moreDenials === 0 ? lines : [...lines, `and ${moreDenials} more`];
}

function backgroundLines({ backgroundTasks = [] }: TerminalEvent): string[] {
  return backgroundTasks.map(({ id, type, description }) => {
    return `ended in the background: ${oneLine(description ?? type ?? id, MAX_TOOL_LINE)}`;
  });
}

/** What Claude Code itself has to say; a limit that is not reached is nothing to say. */
function noticeLines(message: Record<string, unknown>): string[] {
  return noticeTexts(message).map((text) => oneLine(text, MAX_MESSAGE));
}

/** The last line: how it ended, and what it took. */
export function describeEnd(event: TerminalEvent, colors: Colors): string {
  const facts = [
    event.durationMs === undefined ? '' : formatDuration(event.durationMs),
    describeTokens(event),
    event.costUsd ? formatCost(event.costUsd) : '',
    event.turns === undefined ? '' : `${event.turns} ${event.turns === 1 ? 'turn' : 'turns'}`,
    event.jobId,
  ].filter((fact) => fact !== '');
  const tail = colors.dim(`  ${facts.join(' · ')}`);
  const partial = 'partial' in event && event.partial ? '; the text is incomplete' : '';
  return `${describeEnding(event, colors)}${partial}${tail}`;
}

/** All that it took, in and out. */
function describeTokens({ usage = {} }: TerminalEvent): string {
  const names = ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'];
  const tokens = names.reduce((sum, name) => sum + (Number(usage[name]) || 0), 0);
  return tokens === 0 ? '' : `${formatCount(tokens)} tokens`;
}

function describeEnding(event: TerminalEvent, colors: Colors): string {
  switch (event.type) {
    case 'completed':
      return colors.green('✔ completed');
    case 'failed': {
      const { code, message, retrySafe, resetsAt } = event.error;
      const again = retrySafe ? '; nothing had begun' : '';
      const until = resetsAt === undefined ? '' : `; until ${formatClock(resetsAt)}`;
      return `${colors.red('✖ failed')}: ${oneLine(code, MAX_TOOL_LINE)}: ${oneLine(message, MAX_MESSAGE)}${until}${again}`;
    }
    case 'cancelled':
      return colors.yellow(`■ cancelled by ${event.by}`);
    case 'timed_out':
      return `${colors.red('✖ timed out')}: the ${event.limit} limit passed`;
    default:
      return event satisfies never;
  }
}
