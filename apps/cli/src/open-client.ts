/** A connection for the length of one command. */
import { type Client, type ClientOptions, createClient } from '@cc-executor/client';
import { WebSocket } from 'ws';
import { readUrl, tokenOptions } from './config.ts';

/**
 * Connects, does the work, closes.
 * Errors: `UsageError` for an invalid address, `ClientError` (`connect_failed` …), and what `work` throws.
 */
export async function withClient<T>(
  urlOption: string | undefined,
  work: (client: Client) => Promise<T>,
  options: Pick<ClientOptions, 'watch'> = {},
): Promise<T> {
  const url = readUrl(urlOption);
  const client = createClient({
    url,
    // Node's own takes longer to load than the rest of a command.
    WebSocket,
    reconnect: { attempts: 20 },
    ...tokenOptions(url),
    ...options,
  });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.close();
  }
}
