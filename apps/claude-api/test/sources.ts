/** What jobs begin from in tests: repositories behind Git's own server, and files, on a port of loopback. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import { temporaryFolder } from './harness.ts';

export const hasGit = (() => {
  try {
    return execFileSync('git', ['--version']).length > 0;
  } catch {
    return false;
  }
})();

export function git(cwd: string, ...args: string[]): string {
  const settings = ['user.name=n', 'user.email=e@example.org', 'protocol.file.allow=always'];
  return execFileSync('git', [...settings.flatMap((setting) => ['-c', setting]), ...args], {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

export type SourceServer = {
  readonly origin: string;
  /** Repositories in it are served below `/git/`. */
  readonly repositories: string;
  /** Answers below `/files/`, by name. */
  readonly files: Map<string, Buffer>;
  /** Answers at other paths. */
  readonly others: Map<string, (request: IncomingMessage, response: ServerResponse) => void>;
  /** The next request that comes to a path which is not answered. */
  unanswered(): Promise<string>;
};

/** Closed after the test. */
export async function serveSources(): Promise<SourceServer> {
  const repositories = temporaryFolder();
  const files: SourceServer['files'] = new Map();
  const others: SourceServer['others'] = new Map();
  const waiting: ((path: string) => void)[] = [];
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://host');
    const file = files.get(pathname.replace('/files/', ''));
    const other = others.get(pathname);
    if (other !== undefined) other(request, response);
    else if (file !== undefined) response.end(file);
    else if (pathname.startsWith('/git/')) void serveGit(repositories, request, response);
    else if (pathname.startsWith('/hangs/')) for (const tell of waiting.splice(0)) tell(pathname);
    else response.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  });
  const { port } = server.address() as AddressInfo;
  const unanswered = () => new Promise<string>((resolve) => waiting.push(resolve));
  return { origin: `http://127.0.0.1:${port}`, repositories, files, others, unanswered };
}

/** As a web server would: CGI. */
async function serveGit(root: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://host');
  const { headers, method } = request;
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
      PATH_INFO: pathname.replace('/git', ''),
      QUERY_STRING: String(searchParams),
      REQUEST_METHOD: method,
      CONTENT_TYPE: headers['content-type'],
      HTTP_CONTENT_ENCODING: headers['content-encoding'],
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  request.pipe(backend.stdin);
  backend.stdin.on('error', () => {});
  const pieces: Buffer[] = [];
  for await (const piece of backend.stdout) pieces.push(piece as Buffer);
  const answer = Buffer.concat(pieces);
  const end = answer.indexOf('\r\n\r\n');
  const lines = answer
    .subarray(0, end)
    .toString()
    .split('\r\n')
    .map((line) => line.split(': ', 2) as [string, string]);
  const { Status: status = '200', ...told } = Object.fromEntries(lines);
  response.writeHead(Number.parseInt(status, 10), told).end(answer.subarray(end + 4));
}

/** An entry of a tar as it stands there, whatever it means. */
export function tarEntry(
  path: string,
  { type = '0', content = '', linksTo = '' }: { type?: string; content?: string; linksTo?: string } = {},
): Buffer {
  const block = Buffer.alloc(512);
  block.write(path, 0);
  block.write('0000644\u00000000000\u00000000000\u0000', 100);
  block.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\u000000000000000\u0000`, 124);
  block.fill(' ', 148, 156);
  block.write(type, 156);
  block.write(linksTo, 157);
  block.write('ustar\u000000', 257);
  block.write(
    `${block
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, '0')}\u0000`,
    148,
  );
  const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512);
  body.write(content);
  return Buffer.concat([block, body]);
}

export function tar(...entries: Buffer[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(1_024)]);
}
