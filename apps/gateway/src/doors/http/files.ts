/** The files of workspaces over HTTP: bytes pass through as they come, no faster than who takes them. */
import type { Readable } from 'node:stream';
import type { FilesAnswer, FilesRequest } from '@cc-executor/claude-api-client';
import type { TerminalEvent } from '@cc-executor/protocol';
import { encodePath, encodeQuery } from '../../operations/files.ts';
import type { OperationName } from '../../operations/scopes.ts';
import type { Session } from '../../operations/session.ts';
import { createBatch } from '../batch.ts';
import type { HttpContext } from './context.ts';
import type { Exchange } from './exchange.ts';
import type { Handlers } from './handlers.ts';
import { digestHeader } from './headers.ts';

/** What claude-api says of the bytes. */
const PASSED_ON = ['content-type', 'content-length', 'content-range', 'accept-ranges', 'etag'] as const;

type FileHandlers = Pick<
  Handlers,
  'listFiles' | 'readFile' | 'putFile' | 'packFiles' | 'diffFiles' | 'diffJob'
>;

/** Their errors are those of `Files`. */
export function createFileHandlers({ requests, files }: HttpContext): FileHandlers {
  function signalOf(exchange: Exchange): AbortSignal {
    const leaving = new AbortController();
    void exchange.closed.then(() => leaving.abort());
    return leaving.signal;
  }

  function ask(exchange: Exchange, name: OperationName, request: FilesRequest): Promise<FilesAnswer> {
    return requests.attempt(exchange.session, name, () =>
      files.ask(exchange.session, request, signalOf(exchange)),
    );
  }

  return {
    async listFiles(exchange, { body: _none, ...params }) {
      const { result } = await requests.perform(exchange.session, { method: 'listFiles', params });
      exchange.answerJson(200, result);
    },
    async readFile(exchange, { workspace, path, range, 'if-match': ifMatch }) {
      const headers = given({ range, 'if-match': ifMatch });
      const request = { workspace, path: `files/${encodePath(path)}`, headers };
      await pass(exchange, await ask(exchange, 'readFile', { method: 'GET', ...request }));
    },
    async putFile(exchange, { workspace, path, body: _none, ...conditions }) {
      const { status, body } = await ask(exchange, 'putFile', {
        method: 'PUT',
        workspace,
        path: `files/${encodePath(path)}`,
        headers: given({ ...conditions, 'content-length': exchange.request.headers['content-length'] }),
        // Not the request itself: that would be destroyed with its answer when claude-api wants no more of it.
        body: exchange.request.iterator({ destroyOnReturn: false }),
      });
      const text = Buffer.concat(await body.toArray()).toString();
      exchange.answerJson(status, JSON.parse(text) as object);
    },
    async packFiles(exchange, { workspace, path }) {
      const request = { workspace, path: `archive${encodeQuery({ path })}` };
      await pass(exchange, await ask(exchange, 'packFiles', { method: 'GET', ...request }));
    },
    async diffFiles(exchange, { workspace }) {
      await pass(exchange, await ask(exchange, 'diffFiles', { method: 'GET', workspace, path: 'diff' }));
    },
    async diffJob(exchange, { jobId }) {
      const { session } = exchange;
      const { result: job } = await requests.perform(session, { method: 'get', params: { jobId } });
      const read = (acting: Session) => files.jobDiff(acting, job, signalOf(exchange));
      const answer = await requests.attempt(session, 'diffJob', read, jobId);
      const { diff: kept } = (job.terminal ?? {}) as Partial<TerminalEvent>;
      await pass(exchange, answer, kept && { 'repr-digest': digestHeader(kept.sha256) });
    },
  };
}

/** An answer that breaks off is broken off. */
async function pass(
  exchange: Exchange,
  { status, headers, body }: FilesAnswer,
  more: Record<string, string> = {},
): Promise<void> {
  const { session, outbox, request } = exchange;
  try {
    const passedOn = given(Object.fromEntries(PASSED_ON.map((name) => [name, headers[name]])));
    exchange.begin(status, { ...passedOn, ...more });
    if (request.method !== 'HEAD') {
      const pieces = (body as Readable)[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      for (;;) {
        const { done, value } = await session.reads.take(() => pieces.next());
        if (done === true) break;
        outbox.send(createBatch([value]));
      }
    }
    exchange.end();
  } finally {
    body.destroy();
  }
}

function given(members: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(members).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}
