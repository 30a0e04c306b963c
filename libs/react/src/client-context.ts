/** The client that the hooks of a tree use. It is its owner's: nothing here connects it early or closes it. */
import type { Client, ClientState } from '@cc-executor/client';
import { createContext, useContext, useSyncExternalStore } from 'react';

const ClientContext = createContext<Client | undefined>(undefined);

/** Hands a client to the hooks below: `<ClientProvider value={client}>`. */
export const ClientProvider = ClientContext.Provider;

/** Throws where no `ClientProvider` is above. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === undefined)
    throw new Error('There is no <ClientProvider value={client}> above this component.');
  return client;
}

/** How the connection stands: `reconnecting` is when a page may say that it waits for its gateway. */
export function useClientState(): ClientState {
  const client = useClient();
  return useSyncExternalStore(
    (listener) => client.on('state', listener),
    () => client.state,
    () => 'idle',
  );
}
