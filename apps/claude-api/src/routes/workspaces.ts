/**
 * The files of the named workspaces: list, read, put, pack. Whatever can be refused is refused before the answer begins;
 * an answer that cannot be completed is cut.
 */
import { once } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { optionSchemas } from '@cc-executor/claude-options/schema';
import type { HttpReply, HttpRequest, HttpServer } from '@cc-executor/service';
import { z } from 'zod';
import type { Confine } from '../engine.ts';
import { boundId, tenantOf } from '../tenants.ts';
import { measureArchive, packFolder } from '../workspaces/archive.ts';
import { etagOf, openFile } from '../workspaces/beneath.ts';
import { type DiffLimits, makeDiff } from '../workspaces/diff.ts';
import { asFileFault, FileFault, refusalOf } from '../workspaces/fault.ts';
import { readJobDiff } from '../workspaces/job-diff.ts';
import { listFiles } from '../workspaces/list.ts';
import { parsePath } from '../workspaces/path.ts';
import { putFile, tooLarge } from '../workspaces/put.ts';
import { parseRange, readExactly } from '../workspaces/read.ts';
import type { Workspaces } from '../workspaces/workspaces.ts';
import { sendRefusal } from './refusal.ts';

export type FileLimits = DiffLimits & {
  /** Of a file that is put, and of what is read of one at once. */
  readonly fileMaxBytes: number;
  /** Of an archive, before it is compressed. */
  readonly archiveMaxBytes: number;
  /** Of names in a folder that is listed, and in an archive. */
  readonly filesMax: number;
};

const MAX_PAGE = 1_000;
/** Archives are made while somebody waits, and of text mostly. */
const GZIP_LEVEL = 3;

const workspaceSchema = optionSchemas.workspace.unwrap();
const querySchema = z.object({
  path: z.string().default(''),
  recursive: z.enum(['true', 'false']).default('false'),
  cursor: z.string().default(''),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
});

type Route = { Params: { workspace: string; '*'?: string; id?: string } };
type Asked = HttpRequest & { params: Route['Params'] };

/** What `keep` is given is done, the last first, when the answer is out, or nobody is there any more. */
type Keep = (cleanUp: () => unknown) => void;
type Work = (request: Asked, reply: HttpReply, keep: Keep) => Promise<object>;

export function registerWorkspaceRoutes(
  app: HttpServer,
  {
    workspaces,
    limits,
    ...git
  }: {
    workspaces: Workspaces;
    limits: FileLimits;
    workDir: string;
    diffsDir: string;
    confine: Confine | undefined;
  },
): void {
  const served = (work: Work) => async (request: Asked, reply: HttpReply) => {
    const cleanUps: (() => unknown)[] = [];
    async function end() {
      for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
    }
    reply.header('cache-control', 'no-store');
    try {
      const { workspace, id } = request.params;
      if (id === undefined && !workspaceSchema.safeParse(workspace).success) {
        throw new FileFault('path_invalid', 'The name of the workspace is none');
      }
      cleanUps.push(workspaces.enter());
      const answer = await work(request, reply, (cleanUp) => cleanUps.push(cleanUp));
      if (answer instanceof Readable) answer.once('close', end);
      else await end();
      return reply.send(answer);
    } catch (error) {
      await end();
      if (!(error instanceof FileFault)) throw error;
      return sendRefusal(reply, refusalOf(error));
    }
  };

  async function openIn(workspace: string, path: string, keep: Keep) {
    const folder = await workspaces.open(workspace, path);
    keep(() => folder.close());
    return folder;
  }

  const find: Work = async ({ params: { workspace } }, _reply, keep) => {
    await openIn(workspace, '', keep);
    return { workspace, root: await workspaces.rootId() };
  };

  const list: Work = async ({ params: { workspace }, query }, _reply, keep) => {
    const asked = querySchema.safeParse(query);
    if (!asked.success) throw new FileFault('path_invalid', asked.error.issues[0]?.message ?? '');
    const { path, recursive, ...page } = asked.data;
    const folder = await openIn(workspace, path, keep);
    return listFiles(folder, { ...page, isDeep: recursive === 'true', maxNames: limits.filesMax });
  };

  const read: Work = async ({ params, headers }, reply, keep) => {
    const { names, name } = parseFilePath(params);
    const folder = await openIn(params.workspace, names.join('/'), keep);
    const { file, stat } = await openFile(folder, name).catch((error) => {
      throw asFileFault(error, name);
    });
    keep(() => file.close());
    const etag = etagOf(stat);
    const expected = unquote(headers['if-match']);
    if (expected !== undefined && expected !== etag) throw new FileFault('file_changed', 'It was changed');
    const size = Number(stat.size);
    const range = parseRange(headers.range, size);
    const { start, bytes } = range ?? { start: 0, bytes: size };
    if (bytes > limits.fileMaxBytes) throw tooLarge(limits.fileMaxBytes);
    reply.code(range === undefined ? 200 : 206).headers({
      'content-type': 'application/octet-stream',
      'content-length': String(bytes),
      'accept-ranges': 'bytes',
      etag: `"${etag}"`,
      ...(range && { 'content-range': `bytes ${start}-${start + bytes - 1}/${size}` }),
    });
    return Readable.from(readExactly(file, start, bytes));
  };

  const put: Work = async ({ params, headers, body }, reply) => {
    const { names, name } = parseFilePath(params);
    const { fileMaxBytes: maxBytes } = limits;
    if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
    const result = await putFile(await workspaces.root(), {
      folder: [params.workspace, ...names],
      name,
      body: body instanceof Readable ? body : Readable.from([]),
      maxBytes,
      ifMatch: unquote(headers['if-match']),
      isNew: headers['if-none-match'] === '*',
      sha256: /^sha-256=:([\w+/=]+):$/.exec(String(headers['repr-digest'] ?? ''))?.[1],
    });
    reply.code(result.created ? 201 : 200);
    return result;
  };

  const pack: Work = async ({ params: { workspace }, query }, reply, keep) => {
    const { path = '' } = query as { path?: string };
    const bounds = { maxBytes: limits.archiveMaxBytes, maxNames: limits.filesMax };
    const folder = await openIn(workspace, path, keep);
    await measureArchive(folder, bounds);
    const packed = Readable.from(packFolder(folder, bounds));
    keep(() => packed.closed || once(packed.destroy(), 'close'));
    reply.header('content-type', 'application/gzip');
    // What breaks off one of the two breaks off the other, and the answer with it.
    return pipeline(packed, createGzip({ level: GZIP_LEVEL }), () => {});
  };

  const diff: Work = async ({ params: { workspace } }, reply) => {
    const place = { workspace: await workspaces.locate(workspace), workDir: git.workDir };
    const text = await makeDiff(place, git.confine, limits);
    reply.header('content-type', 'text/x-diff');
    return text;
  };

  const keptDiff: Work = async (request, reply) => {
    const text = await readJobDiff(git.diffsDir, boundId(tenantOf(request), request.params.id ?? ''));
    reply.header('content-type', 'text/x-diff');
    return text;
  };

  void app.register(async (door) => {
    // What is put is no request of ours: it is taken as it comes.
    door.removeAllContentTypeParsers();
    door.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
    // For a HEAD an answer would be made, and thrown away.
    const whole = { exposeHeadRoute: false };
    door.get<Route>('/workspaces/:workspace', whole, served(find));
    door.get<Route>('/workspaces/:workspace/files', whole, served(list));
    door.get<Route>('/workspaces/:workspace/files/*', whole, served(read));
    door.put<Route>('/workspaces/:workspace/files/*', served(put));
    door.get<Route>('/workspaces/:workspace/archive', whole, served(pack));
    door.get<Route>('/workspaces/:workspace/diff', whole, served(diff));
    door.get<Route>('/executions/:id/diff', whole, served(keptDiff));
  });
}

function parseFilePath({ '*': path = '' }: Route['Params']): { names: string[]; name: string } {
  const names = parsePath(path);
  const name = names.pop();
  if (name === undefined) throw new FileFault('path_invalid', 'The path names no file');
  return { names, name };
}

/** Entity tags are strong here. */
function unquote(tag: string | undefined): string | undefined {
  return tag?.replace(/^"(.*)"$/, '$1');
}
