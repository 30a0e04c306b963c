// A chat that is there again after a reload, goes on when the network comes back, and can be stopped at any time.
import { createClient } from '@cc-executor/client';
import { ClientProvider, useClientState, useConversation } from '@cc-executor/react';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';

const client = createClient({ url: import.meta.env.VITE_CC_EXECUTOR_URL ?? 'ws://127.0.0.1:8003/ws' });

function Chat() {
  const { turns, isBusy, send, stop, clear } = useConversation(undefined, { keep: 'session', name: 'chat' });
  const isAway = useClientState() === 'reconnecting';
  return (
    <main>
      {turns.map((turn, i) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: turns are only ever added.
        <Turn key={i} {...turn} />
      ))}
      <form action={(form) => send(form.get('prompt'))}>
        <input name="prompt" aria-label="Prompt" autoComplete="off" required />
        <button type="submit">Send</button>
      </form>
      {isBusy && (
        <button type="button" onClick={stop}>
          Stop
        </button>
      )}
      {turns.length > 0 && (
        <button type="button" onClick={clear}>
          New chat
        </button>
      )}
      {isAway && <output>The gateway is away; jobs go on.</output>}
    </main>
  );
}

function Turn({ prompt, text, tools, status, error }) {
  return (
    <article>
      <strong>{prompt}</strong>
      {tools.map(({ toolUseId, name, ended }) => (
        <div key={toolUseId}>
          ⚒ {name} {ended ? `${ended.durationMs} ms` : '…'}
        </div>
      ))}
      <p>{text}</p>
      <small>{error ? error.message : status}</small>
    </article>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <ClientProvider value={client}>
      <Chat />
    </ClientProvider>
  </StrictMode>,
);
