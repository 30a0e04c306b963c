/** A conversation as a component has it. */
import type { ExecuteParams } from '@cc-executor/client';
import { useState, useSyncExternalStore } from 'react';
import { useClient } from './client-context.ts';
import {
  type ConversationState,
  createConversationStore,
  type KeptConversation,
  SILENCE,
} from './conversation-store.ts';
import { keepInSession, keepNowhere } from './keeper.ts';

export type ConversationOptions = {
  /** Whether this tab's session storage keeps it for the page that is loaded next. The first render counts. */
  keep?: 'session';
  /** Under which name. Default `conversation`. */
  name?: string;
};

export type ConversationControls = {
  /** Starts the next turn, when the one before it is over. */
  send(params: string | Omit<ExecuteParams, 'conversation'>): void;
  /** Cancels the turn that runs, and drops those that wait. What was said stays, and may be gone on with. */
  stop(): void;
  /** Begins anew, and forgets what was kept. Jobs go on. */
  clear(): void;
};

/** Goes on with the conversation of an id, with what was kept, or begins one. Rendered on a server it is empty. */
export function useConversation(
  id?: string,
  options: ConversationOptions = {},
): ConversationState & ConversationControls {
  const client = useClient();
  const [{ store, controls }] = useState(() => {
    const { keep, name = 'conversation' } = options;
    const made = createConversationStore(
      client,
      id,
      keep ? keepInSession<KeptConversation>(name) : keepNowhere,
    );
    const send: ConversationControls['send'] = (params) =>
      made.send(typeof params === 'string' ? { prompt: params } : params);
    return { store: made, controls: { send, stop: made.stop, clear: made.clear } };
  });
  const state = useSyncExternalStore(store.subscribe, store.getState, () => SILENCE);
  return { ...state, ...controls };
}
