/**
 * Asks claude-api for the files of a workspace. Behind one name there may be several: where each keeps workspaces of its
 * own, the one that has it is asked; where they share one folder, any.
 */
import { isIP } from 'node:net';
import type { Readable } from 'node:stream';
import { ConnectError } from './connect.ts';
import { openQuestions, type QuestionOptions } from './question.ts';
import { describeUnreachable } from './unreachable.ts';

export type FilesRequest = {
  readonly method: 'GET' | 'PUT';
  readonly workspace: string;
  /** What of it: `files`, `archive` …, as it stands in an address, with its query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: AsyncIterable<Uint8Array> | undefined;
};

export type FilesAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** To be read to its end, or destroyed. */
  readonly body: Readable;
};

/** Nothing is given; `code` is claude-api's, or `upstream_unreachable`, or `workspace_ambiguous`. */
export class FilesError extends Error {
  override readonly name = 'FilesError';
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Errors: `FilesError`; that of the request's body. */
export function askFiles(request: FilesRequest, options: QuestionOptions): Promise<FilesAnswer> {
  const { method, headers, body } = request;
  return askAmong(options, async (addresses) => {
    const address = addresses.length < 2 ? addresses[0] : await findKeeper(addresses, request, options);
    const path = `${pathOf(request)}/${request.path}`;
    return askAt(address, { method, path, headers, body }, options);
  });
}

/** The diff of an execution that is kept, by whichever of them has it. Errors: `FilesError`. */
export function askDiff(executionId: string, options: QuestionOptions): Promise<FilesAnswer> {
  const path = `executions/${encodeURIComponent(executionId)}/diff`;
  return askAmong(options, async (addresses) => {
    const errors: unknown[] = [];
    for (const address of addresses) {
      try {
        return await askAt(address, { method: 'GET', path }, options);
      } catch (error) {
        errors.push(error);
      }
    }
    // It may be where nobody answers.
    throw errors.find((error) => !isCode(error, 'diff_unavailable')) ?? errors[0];
  });
}

async function askAmong(
  { target, lookup, connectTimeoutMs }: QuestionOptions,
  ask: (addresses: readonly string[]) => Promise<FilesAnswer>,
): Promise<FilesAnswer> {
  const hostname = target.hostname.replace(/^\[|\]$/g, '');
  try {
    return await ask(isIP(hostname) ? [hostname] : [...new Set(await lookup(hostname))].sort());
  } catch (error) {
    if (error instanceof FilesError) throw error;
    if (error instanceof ConnectError) {
      throw new FilesError(
        'upstream_unreachable',
        describeUnreachable(target, error, connectTimeoutMs).message,
      );
    }
    throw new FilesError('upstream_unreachable', `claude-api does not answer: ${(error as Error).message}`);
  }
}

/** The address to ask; for a workspace that nobody has yet the first, so that two who put at once do so at the same place. */
async function findKeeper(
  addresses: readonly string[],
  request: FilesRequest,
  options: QuestionOptions,
): Promise<string | undefined> {
  const asked = await Promise.all(
    addresses.map(async (address) => {
      try {
        const { body } = await askAt(address, { method: 'GET', path: pathOf(request) }, options);
        const { root } = (await readJson(body)) as { root?: unknown };
        return { address, root };
      } catch (error) {
        return { address, error };
      }
    }),
  );
  const keepers = asked.filter(({ root }) => typeof root === 'string');
  if (new Set(keepers.map(({ root }) => root)).size > 1) {
    throw new FilesError(
      'workspace_ambiguous',
      `${keepers.length} claude-apis have a workspace ${request.workspace}, each its own: let them share one folder`,
    );
  }
  if (keepers.length > 0) return keepers[0]?.address;
  // It may be where nobody answers.
  const lacking = asked.find(({ error }) => !isCode(error, 'workspace_not_found'));
  if (lacking !== undefined) throw lacking.error;
  return addresses[0];
}

function pathOf({ workspace }: FilesRequest): string {
  return `workspaces/${encodeURIComponent(workspace)}`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof FilesError && error.code === code;
}

async function askAt(
  address: string | undefined,
  request: Pick<FilesRequest, 'method' | 'path' | 'headers' | 'body'>,
  options: QuestionOptions,
): Promise<FilesAnswer> {
  const { target } = options;
  const client = openQuestions({ ...options, lookup: async () => (address === undefined ? [] : [address]) });
  const letGo = () => void client.destroy();
  try {
    const base = target.pathname.replace(/\/$/, '');
    const { method, path, headers = {}, body = null } = request;
    const answer = await client.request({
      method,
      path: `${base}/${path}`,
      headers,
      body: body as never,
      signal: options.signal,
    });
    if (answer.statusCode >= 400) throw refusal(answer.statusCode, await readJson(answer.body));
    answer.body.once('close', letGo);
    return { status: answer.statusCode, headers: answer.headers, body: answer.body };
  } catch (error) {
    letGo();
    throw error;
  }
}

function refusal(status: number, body: Record<string, unknown>): FilesError {
  const { code, message } = (body.error ?? {}) as Record<string, unknown>;
  if (typeof code === 'string' && typeof message === 'string') return new FilesError(code, message);
  return new FilesError('upstream_unreachable', `claude-api answered ${status} when it was asked for files`);
}

async function readJson(body: Readable): Promise<Record<string, unknown>> {
  const text = Buffer.concat(await body.toArray()).toString();
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    // A proxy's page; its status is told.
    return {};
  }
}
