/** Read file: a page of a file's bytes. Whoever wants all of a large one asks over HTTP. */
import { ProtocolError } from '@cc-executor/protocol';
import { encodePath, type Files } from './files.ts';
import type { Operation } from './operation.ts';

/** In base64 a third more, which fits a frame. */
const PAGE_BYTES = 90 * 1024;

/** Errors: those of `Files`; `invalid_params` for an offset beyond the end. */
export function createReadFile({ files }: { files: Files }): Operation<'readFile'> {
  return (session, { workspace, path, offset = 0, etag }) =>
    session.reads.take(async () => {
      const { status, headers, body } = await files.ask(session, {
        method: 'GET',
        workspace,
        path: `files/${encodePath(path)}`,
        headers: {
          range: `bytes=${offset}-${offset + PAGE_BYTES - 1}`,
          ...(etag !== undefined && { 'if-match': `"${etag}"` }),
        },
      });
      // A file without bytes has no part that could be asked for.
      const isEmpty = status === 200 && headers['content-length'] === '0' && offset === 0;
      if (status !== 206 && !isEmpty) {
        body.destroy();
        throw new ProtocolError('invalid_params', 'offset: lies beyond the end of the file');
      }
      const page = Buffer.concat(await body.toArray());
      const bytes = Number(/\/(\d+)$/.exec(String(headers['content-range'] ?? ''))?.[1] ?? 0);
      const end = offset + page.length;
      return {
        result: {
          bytes,
          etag: String(headers.etag).replaceAll('"', ''),
          offset,
          base64: page.toString('base64'),
          ...(end < bytes && { nextOffset: end }),
        },
      };
    });
}
