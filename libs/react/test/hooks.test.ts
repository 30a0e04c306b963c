/** The hooks where there is no browser: rendered on a server. What they do in one, tests/browser shows. */
import { createClient } from '@cc-executor/client';
import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, it } from 'vitest';
import { ClientProvider, useClientState, useConversation, useJob } from '../src/index.ts';

function Page() {
  const job = useJob({ prompt: 'hello' }, { keep: 'url' });
  const { turns } = useConversation(undefined, { keep: 'session' });
  return `${job.status} ${turns.length} ${useClientState()}`;
}

it('rendered on a server, hooks start nothing and look for no browser', async () => {
  let isConnected = false;
  const WebSocket = class {
    constructor() {
      isConnected = true;
    }
  };
  const client = createClient({ url: 'ws://127.0.0.1:1/ws', WebSocket: WebSocket as never });
  expect(renderToString(createElement(ClientProvider, { value: client }, createElement(Page)))).toBe(
    'idle 0 idle',
  );
  expect(isConnected).toBe(false);
  await client.close();
});

it('without a client above, hooks say what is missing', () => {
  expect(() => renderToString(createElement(Page))).toThrow('<ClientProvider');
});
