/** Fetches the whole message of an event that was too large for it, page by page. */
import { ClientError } from './errors.ts';
import type { Result } from './requests.ts';
import { fitsDigest } from './text-check.ts';

/**
 * `fetchPage` asks for the page at an offset (bytes). Errors: its own; `protocol_violation` when what came is not what its
 * digest says.
 */
export async function fetchBody(
  fetchPage: (offset: number) => Promise<Result<'eventBody'>>,
): Promise<Record<string, unknown>> {
  const texts: string[] = [];
  let page: Result<'eventBody'>;
  let offset = 0;
  do {
    page = await fetchPage(offset);
    texts.push(page.text);
    // A page that leads nowhere would be asked for again and again.
    if (page.nextOffset !== undefined && page.nextOffset <= offset) break;
    offset = page.nextOffset ?? offset;
  } while (page.nextOffset !== undefined);
  const text = texts.join('');
  if ((await fitsDigest(text, page)) === false) {
    throw new ClientError('protocol_violation', 'The body that arrived is not what its digest says.');
  }
  return JSON.parse(text) as Record<string, unknown>;
}
