/** All that a page makes of a job's events: its timeline, its output, the tools it used. Bounded. */
import type { JobEvent, ToolEndedEvent, ToolStartedEvent } from '@cc-executor/protocol/plain';
import { createTimeline, MAX_TOOLS, type Moment } from '@cc-executor/timeline';
import { createOutputText, type OutputText } from './output-text.ts';

export type ToolUse = { started: ToolStartedEvent; ended?: ToolEndedEvent };

export type Story = {
  /** In the order of the log. */
  take(event: JobEvent): void;
  lastSeq(): number;
  moments(): readonly Moment[];
  moreTools(): number;
  output(): ReturnType<OutputText['parts']>;
  tools(): readonly ToolUse[];
};

export function createStory(): Story {
  const timeline = createTimeline();
  const output = createOutputText();
  const tools = new Map<string, ToolUse>();
  let lastSeq = 0;

  function take(event: JobEvent): void {
    lastSeq = event.seq;
    timeline.take(event);
    if (event.type === 'output' || event.type === 'reset') output.take(event);
    if (event.type === 'tool_started' && tools.size < MAX_TOOLS)
      tools.set(event.toolUseId, { started: event });
    if (event.type === 'tool_ended') {
      const use = tools.get(event.toolUseId);
      if (use) use.ended = event;
    }
  }

  return {
    take,
    lastSeq: () => lastSeq,
    moments: timeline.moments,
    moreTools: timeline.moreTools,
    output: output.parts,
    tools: () => [...tools.values()],
  };
}
