/**
 * A conversation as a page shows it: jobs one after another, each with a store of its own. The next one begins when the one
 * before it is over, also after a reload in between.
 */
import type { Client, ExecuteParams } from '@cc-executor/client';
import { createJobStore, type JobSource, type JobState, type JobStore, keyed } from './job-store.ts';
import type { Keeper } from './keeper.ts';

/** `source`: none while the turn waits for the one before it. */
export type KeptConversation = { id?: string; turns: { params: ExecuteParams; source?: JobSource }[] };

export type Turn = JobState & { prompt: string };

export type ConversationState = {
  /** What continues it, also from elsewhere; undefined until its first job has ended. */
  id: string | undefined;
  turns: readonly Turn[];
  /** A turn runs, or waits. */
  isBusy: boolean;
};

export type ConversationStore = {
  subscribe(listener: () => void): () => void;
  getState(): ConversationState;
  send(params: ExecuteParams): void;
  /** Cancels the turn that runs, and drops those that wait. */
  stop(): void;
  /** Begins anew, and forgets what was kept. */
  clear(): void;
};

type Entry = { params: ExecuteParams; source?: JobSource; store: JobStore; turn: Turn; leave: () => void };

export const SILENCE: ConversationState = { id: undefined, turns: [], isBusy: false };

export function createConversationStore(
  client: Client,
  begunId: string | undefined,
  keeper: Keeper<KeptConversation>,
): ConversationStore {
  const listeners = new Set<() => void>();
  let entries: Entry[] = [];
  let id = begunId;
  let isRestored = false;
  let state: ConversationState = { ...SILENCE, id };

  function keep(): void {
    const turns = entries.map(({ params, source }) => ({ params, ...(source && { source }) }));
    keeper.write(turns.length === 0 ? undefined : { ...(id !== undefined && { id }), turns });
  }

  function add(params: ExecuteParams, source?: JobSource): void {
    const store = createJobStore(client, {
      read: () => undefined,
      write(next) {
        if (next) entry.source = next;
        keep();
      },
    });
    const turn = { prompt: params.prompt, ...store.getState() };
    const entry: Entry = { params, ...(source && { source }), store, turn, leave: () => {} };
    entries.push(entry);
    entry.leave = listeners.size > 0 ? store.subscribe(changed) : entry.leave;
    if (source) store.show(source);
  }

  /** Lets the next turn begin, and tells. */
  function changed(): void {
    for (const entry of entries) {
      const now = entry.store.getState();
      if (!isSame(entry.turn, now)) entry.turn = { prompt: entry.params.prompt, ...now };
      id = now.end?.conversation ?? id;
    }
    const next = entries.find((entry) => !isOver(entry.turn));
    if (next && !next.source) {
      next.store.show(keyed({ ...next.params, ...(id !== undefined && { conversation: id }) }));
      return;
    }
    state = { id, turns: entries.map(({ turn }) => turn), isBusy: next !== undefined };
    for (const listener of [...listeners]) listener();
  }

  return {
    subscribe(listener) {
      listeners.add(listener);
      if (!isRestored) {
        isRestored = true;
        const kept = keeper.read();
        id ??= kept?.id;
        for (const { params, source } of kept?.turns ?? []) add(params, source);
        if (kept) {
          keep();
          changed();
        }
      } else if (listeners.size === 1) {
        for (const entry of entries) entry.leave = entry.store.subscribe(changed);
      }
      return () => {
        listeners.delete(listener);
        if (listeners.size === 0) for (const { leave } of entries) leave();
      };
    },
    getState: () => state,
    send(params) {
      add(params);
      keep();
      changed();
    },
    stop() {
      entries = entries.filter(({ source }) => source);
      for (const { store, turn } of entries) if (!isOver(turn)) store.stop();
      keep();
      changed();
    },
    clear() {
      for (const { leave } of entries) leave();
      entries = [];
      id = begunId;
      keep();
      changed();
    },
  };
}

function isOver({ end, error }: JobState): boolean {
  return end !== undefined || (error !== undefined && (error as { retryable?: boolean }).retryable !== true);
}

/** A store makes a new state for each change, with new parts where they changed. */
function isSame(turn: Turn, state: JobState): boolean {
  return (Object.keys(state) as (keyof JobState)[]).every((name) => turn[name] === state[name]);
}
