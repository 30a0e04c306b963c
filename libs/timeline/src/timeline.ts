/**
 * Folds a job's events into the moments that tell its story. Output itself is left out: only when it began is told.
 * Pure, and bounded: of a job's uses of tools the first so many are kept.
 */
import { isTerminalEvent, type JobEvent, type TerminalEvent } from '@cc-executor/protocol/plain';
import { noticeTexts, tellingInput } from './words.ts';

/** So many uses of tools are told one by one. */
export const MAX_TOOLS = 200;

export type Moment = {
  /** By Redis's clock, in ms. */
  at: number;
  attempt: number;
  kind: 'queued' | 'started' | 'first_output' | 'tool' | 'notice' | 'waiting' | 'reset' | 'paused' | 'ended';
  /** What happened, in a few words. */
  title: string;
  /** More about it, of any length and origin: not made harmless. */
  detail?: string;
  /** How long it took; missing while it goes on, and of what has no duration. */
  durationMs?: number;
  /** It went wrong. */
  isBad?: true;
  /** Of a tool: the use of a tool that has made the sub-agent which uses it. */
  parent?: string;
};

export type Timeline = {
  /** In the order of the log. */
  take(event: JobEvent): void;
  moments(): readonly Moment[];
  /** How many uses of tools are left out. */
  moreTools(): number;
};

export function createTimeline(): Timeline {
  const moments: Moment[] = [];
  const openTools = new Map<string, Moment>();
  let pause: Moment | undefined;
  let attemptWithOutput: number | undefined;
  let tools = 0;

  function add({ time, attempt }: JobEvent, moment: Omit<Moment, 'at' | 'attempt'>): Moment {
    const added = { at: time, attempt, ...moment };
    moments.push(added);
    return added;
  }

  function takeTool(event: Extract<JobEvent, { type: 'tool_started' }>): void {
    const { toolUseId, name, input, parent } = event;
    tools += 1;
    if (tools > MAX_TOOLS) return;
    const moment = add(event, {
      kind: 'tool',
      title: name,
      detail: tellingInput(input),
      ...(parent && { parent }),
    });
    openTools.set(toolUseId, moment);
  }

  function endTool(event: Extract<JobEvent, { type: 'tool_ended' }>): void {
    const moment = openTools.get(event.toolUseId);
    if (!moment) return;
    openTools.delete(event.toolUseId);
    moment.durationMs = event.durationMs;
    if (event.isError) Object.assign(moment, { isBad: true, detail: event.text ?? moment.detail });
  }

  function endPause(event: Extract<JobEvent, { type: 'resumed' }>): void {
    if (pause) pause.durationMs = event.pausedMs;
    pause = undefined;
  }

  function take(event: JobEvent): void {
    if (isTerminalEvent(event)) {
      add(event, endOf(event));
      return;
    }
    switch (event.type) {
      case 'queued':
        add(event, { kind: 'queued', title: event.seq === 1 ? 'accepted' : 'queued again' });
        return;
      case 'started':
        add(event, startOf(event));
        return;
      case 'output':
        if (attemptWithOutput !== event.attempt) add(event, { kind: 'first_output', title: 'first output' });
        attemptWithOutput = event.attempt;
        return;
      case 'tool_started':
        takeTool(event);
        return;
      case 'tool_ended':
        endTool(event);
        return;
      case 'throttled': {
        const until = event.resetsAt ?? event.untilMs;
        const title = event.limit === undefined ? 'waiting' : `waiting for ${event.limit} to be lifted`;
        const durationMs = Math.max(0, until - event.time);
        add(event, { kind: 'waiting', title, detail: event.reason, durationMs, isBad: true });
        return;
      }
      case 'reset':
        attemptWithOutput = undefined;
        add(event, { kind: 'reset', title: 'begun anew', detail: event.reason, isBad: true });
        return;
      case 'paused':
        pause = add(event, { kind: 'paused', title: 'paused' });
        return;
      case 'resumed':
        endPause(event);
        return;
      case 'pause_refused':
        add(event, { kind: 'notice', title: `${event.request} refused`, detail: event.reason, isBad: true });
        return;
      case 'notice':
        add(event, { kind: 'notice', title: 'notice', detail: noticeTexts(event.message).join(' ') });
        return;
      case 'message':
        return;
      default:
        // An event of a newer gateway.
        event satisfies never;
    }
  }

  return { take, moments: () => moments, moreTools: () => Math.max(0, tools - MAX_TOOLS) };
}

function startOf(event: Extract<JobEvent, { type: 'started' }>): Omit<Moment, 'at' | 'attempt'> {
  const failed = (event.mcpServers ?? []).filter(({ status }) => !['connected', 'pending'].includes(status));
  const troubles = failed.map(({ name, status }) => `MCP server ${name}: ${status}`);
  const made = event.engine === 'demo' ? ['a demo: no Claude runs'] : [];
  const detail = [event.model, event.version && `Claude Code ${event.version}`, ...made, ...troubles];
  return {
    kind: 'started',
    title: event.attempt > 1 ? `started, attempt ${event.attempt}` : 'started',
    detail: detail.filter((part) => part !== undefined).join(', '),
    ...(troubles.length > 0 && { isBad: true }),
  };
}

function endOf(event: TerminalEvent): Omit<Moment, 'at' | 'attempt'> {
  const kind = 'ended';
  switch (event.type) {
    case 'completed':
      return { kind, title: 'completed' };
    case 'failed':
      return { kind, title: `failed: ${event.error.code}`, detail: event.error.message, isBad: true };
    case 'cancelled':
      return { kind, title: `cancelled by ${event.by}` };
    case 'timed_out':
      return { kind, title: `timed out: ${event.limit}`, isBad: true };
    default:
      return event satisfies never;
  }
}
