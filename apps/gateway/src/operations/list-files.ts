/** List files: those of a workspace, or of a folder in it, a page at a time. */
import { methods, type Result } from '@cc-executor/protocol';
import { encodeQuery, type Files } from './files.ts';
import type { Operation } from './operation.ts';

/** Errors: those of `Files`. */
export function createListFiles({ files }: { files: Files }): Operation<'listFiles'> {
  return (session, { workspace, ...query }) =>
    session.reads.take(async () => {
      const path = `files${encodeQuery(query)}`;
      const { body } = await files.ask(session, { method: 'GET', workspace, path });
      const text = Buffer.concat(await body.toArray()).toString();
      const result: Result<'listFiles'> = methods.listFiles.result.parse(JSON.parse(text));
      return { result };
    });
}
