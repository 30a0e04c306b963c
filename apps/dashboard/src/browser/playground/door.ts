/** This page's client: the SDK, over HTTP through the server that the page came from, with a connection that can be cut on purpose. */
import { type Client, type ClientState, createClient } from '@cc-executor/client';
import { useEffect, useState } from 'preact/hooks';

export type Door = {
  client: Client;
  /** Breaks off all that is under way; the client comes back by itself. */
  cut(): void;
};

export function openDoor(): Door {
  let line = new AbortController();
  const client = createClient({
    url: location.origin,
    transport: 'http',
    fetch(resource, init) {
      const signals = [line.signal, ...(init?.signal ? [init.signal] : [])];
      return fetch(resource, { ...init, signal: AbortSignal.any(signals) });
    },
  });
  return {
    client,
    cut() {
      const broken = line;
      line = new AbortController();
      broken.abort(new Error('cut on purpose'));
    },
  };
}

export function useClientState(client: Client): ClientState {
  const [state, setState] = useState(client.state);
  useEffect(() => client.on('state', setState), [client]);
  return state;
}
