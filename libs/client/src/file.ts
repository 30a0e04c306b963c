/** Reads a whole file of a workspace, page by page. */
import { decodeBase64 } from './bytes.ts';
import { ClientError } from './errors.ts';
import type { Result } from './requests.ts';

/**
 * `fetchPage` asks for the page at an offset (bytes) of the content that the tag names; of any without one.
 * Errors: its own, `file_changed` among them; `protocol_violation` when its pages lead nowhere.
 */
export async function fetchFile(
  fetchPage: (at: { offset: number; etag?: string }) => Promise<Result<'readFile'>>,
): Promise<Uint8Array<ArrayBuffer>> {
  let page = await fetchPage({ offset: 0 });
  const { bytes, etag } = page;
  const whole = new Uint8Array(bytes);
  for (let offset = 0; ; ) {
    const piece = decodeBase64(page.base64);
    const end = offset + piece.length;
    if (end > bytes || end !== (page.nextOffset ?? bytes) || (piece.length === 0 && end < bytes)) {
      throw new ClientError('protocol_violation', 'The pages of the file do not make a whole one.');
    }
    whole.set(piece, offset);
    if (page.nextOffset === undefined) return whole;
    offset = end;
    page = await fetchPage({ offset, etag });
  }
}
