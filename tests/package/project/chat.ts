// Runs one message of a chat of the AI SDK over the packed SDK at the URL given, and prints what the chat holds; then a page
// that comes later resumes it.
import { createClient } from '@cc-executor/client';
import { createChatTransport } from '@cc-executor/client/ai-sdk';
import { AbstractChat, type ChatState, type ChatTransport, type UIMessage } from 'ai';

const client = createClient({ url: process.argv[2] ?? '' });
const transport: ChatTransport<UIMessage> = createChatTransport(client, { params: { model: 'opus' } });

class Chat extends AbstractChat<UIMessage> {
  constructor(messages: UIMessage[]) {
    const state: ChatState<UIMessage> = {
      status: 'ready',
      error: undefined,
      messages,
      pushMessage: (message) => state.messages.push(message),
      popMessage: () => state.messages.pop(),
      replaceMessage: (index, message) => {
        state.messages[index] = message;
      },
      snapshot: (thing) => structuredClone(thing),
    };
    super({ id: 'chat-1', transport, state });
  }
}

function show(chat: Chat): void {
  const shown = chat.messages.map(({ id, role, parts }) => ({
    ...(role === 'assistant' && { id }),
    role,
    text: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
  }));
  console.log(JSON.stringify({ status: chat.status, messages: shown }));
}

const chat = new Chat([]);
await chat.sendMessage({ text: 'hello' });
show(chat);
const later = new Chat([]);
await later.resumeStream();
show(later);
await client.close();
