/** What a page shows of a job, made of its events one by one. Each costs what it changes, not what there is already. */
import { isTerminalEvent, type JobEvent, type JobStatus, type TerminalEvent } from '@cc-executor/client';

export type ToolRun = {
  toolUseId: string;
  name: string;
  input: Record<string, unknown>;
  /** Missing while the tool is at work. */
  ended?: { isError: boolean; text: string | undefined; durationMs: number };
};

export type JobView = {
  /** Undefined before the first event. */
  status: JobStatus | undefined;
  text: string;
  tools: readonly ToolRun[];
  isPaused: boolean;
  end: TerminalEvent | undefined;
};

export type JobFold = {
  /** Of the event that was taken last; 0 before the first. */
  readonly lastSeq: number;
  take(event: JobEvent): void;
  view(): JobView;
};

export function createJobFold(): JobFold {
  let lastSeq = 0;
  let status: JobStatus | undefined;
  let text = '';
  /** Where the text of each `output` begins. */
  let outputs: { seq: number; at: number }[] = [];
  let runs: { seq: number; run: ToolRun }[] = [];
  let tools: readonly ToolRun[] | undefined = [];
  let isPaused = false;
  let end: TerminalEvent | undefined;

  /** Takes back what came from this seq on. */
  function discard(fromSeq: number): void {
    text = text.slice(0, outputs.find(({ seq }) => seq >= fromSeq)?.at);
    outputs = outputs.filter(({ seq }) => seq < fromSeq);
    runs = runs.filter(({ seq }) => seq < fromSeq);
    tools = undefined;
  }

  return {
    get lastSeq() {
      return lastSeq;
    },
    take(event) {
      lastSeq = event.seq;
      status ??= 'queued';
      if (isTerminalEvent(event)) {
        end = event;
        status = event.type;
        isPaused = false;
        return;
      }
      switch (event.type) {
        case 'started':
          status = 'running';
          break;
        case 'output':
          outputs.push({ seq: event.seq, at: text.length });
          text += event.text;
          break;
        case 'tool_started': {
          const { seq, toolUseId, name, input } = event;
          runs.push({ seq, run: { toolUseId, name, input } });
          tools = undefined;
          break;
        }
        case 'tool_ended': {
          const { isError, text: said, durationMs } = event;
          const mine = runs.findLast(({ run }) => run.toolUseId === event.toolUseId);
          if (mine) mine.run = { ...mine.run, ended: { isError, text: said, durationMs } };
          tools = undefined;
          break;
        }
        case 'paused':
        case 'resumed':
          isPaused = event.type === 'paused';
          break;
        case 'reset':
          isPaused &&= event.attemptsLeft !== undefined;
          discard(event.discardFromSeq);
          break;
      }
    },
    view() {
      tools ??= runs.map(({ run }) => run);
      return { status, text, tools, isPaused, end };
    },
  };
}
