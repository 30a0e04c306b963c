// A conversation of the hooks and a chat of the AI SDK, side by side in Strict Mode, with the React that the page is built with.
import { useChat } from '@ai-sdk/react';
import { createClient } from '@cc-executor/client';
import { createChatTransport } from '@cc-executor/client/ai-sdk';
import { ClientProvider, useConversation } from '@cc-executor/react';
import { StrictMode, useState, version } from 'react';
import { createRoot } from 'react-dom/client';

const client = createClient({ url: new URLSearchParams(location.search).get('gateway') });
const transport = createChatTransport(client);

function Hooks() {
  const { turns, isBusy, send, stop } = useConversation(undefined, { keep: 'session', name: 'trial' });
  const answers = turns.map(({ text }) => text);
  return <Talk name="hooks" {...{ answers, isBusy, send, stop }} />;
}

function Chat() {
  const { messages, status, sendMessage, stop } = useChat({ id: 'trial', transport, resume: true });
  const answers = messages
    .filter(({ role }) => role === 'assistant')
    .map(({ parts }) => parts.map((part) => (part.type === 'text' ? part.text : '')).join(''));
  const isBusy = status === 'streaming' || status === 'submitted';
  return <Talk name="chat" {...{ answers, isBusy, send: (text) => sendMessage({ text }), stop }} />;
}

function Talk({ name, answers, isBusy, send, stop }) {
  const [prompt, setPrompt] = useState('');
  return (
    <section aria-label={name}>
      <input aria-label="Prompt" value={prompt} onChange={({ target }) => setPrompt(target.value)} />
      <button type="button" onClick={() => send(prompt)}>
        Send
      </button>
      <button type="button" onClick={() => stop()}>
        Stop
      </button>
      <output>{isBusy ? 'busy' : 'ready'}</output>
      {answers.map((text, i) => (
        <p key={i}>{text}</p>
      ))}
    </section>
  );
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <h1>{version}</h1>
    <ClientProvider value={client}>
      <Hooks />
      <Chat />
    </ClientProvider>
  </StrictMode>,
);
