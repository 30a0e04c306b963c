/**
 * The HTTP door of a whole stack: the README's recipes, word for word; every operation of the OpenAPI document, each
 * answer judged by it; a stream that curl goes on with at another gateway when its own is killed.
 */
import { execFile, execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createClient } from '@cc-executor/client';
import { createKeys } from '@cc-executor/job-log';
import { createEpoch, createJobId, type HttpOperationName, type JobEvent } from '@cc-executor/protocol';
import { createRedisWholeLog, type Stack, startStack } from '@cc-executor/testing';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runNode, runProgram } from './support/child.ts';
import { RESTLESS, watchLeftovers } from './support/leftovers.ts';
import { nonce } from './support/nonce.ts';

const run = promisify(execFile);
const main = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));
const hasCurl = (() => {
  try {
    return / 7\.8[2-9]| [89]\./.test(execFileSync('curl', ['--version'], { encoding: 'utf8' }));
  } catch {
    return false;
  }
})();
const WEBHOOK_SECRETS = `whsec_${Buffer.alloc(32).toString('base64')}`;
let stack: Stack;
let workspaces: string;
let nothingLeft: () => Promise<void>;

beforeAll(async () => {
  workspaces = mkdtempSync(join(tmpdir(), 'cc-executor-workspaces-'));
  const env = { CLAUDE_ENGINE: 'demo', CLAUDE_WORKSPACES_DIR: workspaces };
  stack = await startStack({ upstream: { env }, env: { ...RESTLESS, WEBHOOK_SECRETS } });
  // The second one knows where claude-api is.
  await stack.startGateway();
  nothingLeft = watchLeftovers(stack);
});
afterAll(async () => {
  await stack.close();
  rmSync(workspaces, { recursive: true, force: true });
});

const apiOf = (gateway: number) => `http://127.0.0.1:${stack.gateways[gateway]?.ready.port}/v1`;

function submit(prompt: string): Promise<Response> {
  return fetch(`${apiOf(0)}/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt }),
  });
}

/** The events in what curl has printed; the last message may be cut. */
function eventsIn(text: string): JobEvent[] {
  const blocks = text.split('\n\n').slice(0, -1);
  return blocks.flatMap((block) => {
    const [, seq, json] = /^id: (\d+)\ndata: (.*)$/.exec(block) ?? [];
    if (json === undefined) return [];
    const event = JSON.parse(json) as JobEvent;
    expect(event.seq).toBe(Number(seq));
    return [event];
  });
}

describe('curl', () => {
  beforeEach(({ skip }) => skip(!hasCurl, 'there is no curl 7.82 or newer'));

  it("runs the README's recipes", async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const recipes = /### With curl\n\n```sh\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    expect(recipes).toContain('Last-Event-ID');
    const { stdout, stderr } = await run('sh', ['-eu', '-c', recipes], {
      env: { PATH: process.env.PATH, API: apiOf(0) },
    });
    expect(stderr).toBe('');
    const [waited, ...rest] = stdout.split('\n');
    expect(JSON.parse(waited ?? '')).toMatchObject({ created: true, status: 'completed' });
    const events = eventsIn(rest.join('\n'));
    const ends = events.flatMap(({ type }, i) => (type === 'completed' ? [i + 1] : []));
    const [whole, tail] = [events.slice(0, ends[0]), events.slice(ends[0], ends[1])];
    expect(whole.map(({ seq }) => seq)).toEqual(whole.map((_, i) => i + 1));
    expect(tail).toEqual(whole.slice(2));
    const lines = rest.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
    expect(lines.slice(0, whole.length)).toEqual(whole);
    const [job, list, cancelled] = lines.slice(whole.length);
    expect(job).toMatchObject({ status: 'completed', lastSeq: whole.length });
    expect(list.jobs).toHaveLength(2);
    expect(cancelled).toEqual({ status: 'completed', accepted: false });
  });

  it("runs the recipes of docs/http.md's batches", async () => {
    const page = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8');
    const recipes = /## Batches\n[\s\S]*?```sh\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const { stdout, stderr } = await run('sh', ['-eu', '-c', recipes], {
      env: { PATH: process.env.PATH, API: apiOf(0) },
    });
    expect(stderr).toBe('');
    const [counted, ...rest] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(counted).toMatchObject({ status: 'ended', counts: { completed: 2, refused: 1 } });
    expect(rest).toMatchObject([
      { line: 1, status: 'completed', terminal: { type: 'completed' } },
      { line: 2, status: 'completed' },
      { line: 3, error: { code: 'invalid_params' } },
      { accepted: 0 },
    ]);
  });
});

type Described = {
  operationId: string;
  responses: Record<string, { content: Record<string, { schema: { $ref?: string } }> }>;
};

describe('the OpenAPI document', () => {
  it('is kept by every operation', async () => {
    const document = await (await fetch(`${apiOf(0)}/openapi.json`)).json();
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    ajv.addSchema(document, 'openapi');
    const { jobId } = await (await submit('hello')).json();
    const shortened = await createShortenedMessage();
    const changing = await createChangingJob();
    const missing = createJobId();
    type Asked = { path: string; init?: RequestInit; status: number };
    const post = (body?: string): RequestInit => ({
      method: 'POST',
      ...(body !== undefined && {
        body,
        headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
      }),
    });
    const lines = (body: string): RequestInit => ({
      ...{ method: 'POST', body },
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': 'b' },
    });
    const { batchId } = await (await fetch(`${apiOf(0)}/batches`, lines('{"prompt":"hi"}\n{}'))).json();
    const file = '/workspaces/w/files/a/b.txt';
    const asked: Record<HttpOperationName, Asked[]> = {
      submitJob: [
        { path: '/jobs?wait=60', init: post('{"prompt":"hi"}'), status: 201 },
        { path: '/jobs?wait=60', init: post('{"prompt":"hi"}'), status: 200 },
        { path: '/jobs', init: post('{"prompt":"other"}'), status: 409 },
        { path: '/jobs', init: post('{'), status: 400 },
      ],
      rerunJob: [
        { path: `/jobs/${jobId}/rerun`, init: post(), status: 201 },
        { path: `/jobs/${jobId}/rerun`, init: post(''), status: 409 },
        { path: `/jobs/${missing}/rerun`, init: post(), status: 404 },
      ],
      getConversation: [
        { path: '/conversations/123e4567-e89b-42d3-a456-426614174000?limit=1', status: 200 },
        { path: '/conversations/x', status: 400 },
      ],
      countJobs: [{ path: '/jobs/count?status=failed&metadata.customer=7', status: 200 }],
      listJobs: [
        { path: '/jobs?limit=1', status: 200 },
        { path: '/jobs?limit=0', status: 400 },
        { path: '/jobs?status=unfinished&metadata.customer=7&metadata%5Ba%5D=1&text=x', status: 200 },
        { path: '/jobs?metadata=7', status: 400 },
      ],
      streamEvents: [
        { path: `/jobs/${jobId}/events`, status: 200 },
        { path: `/jobs/${jobId}/events`, init: { headers: { accept: 'application/x-ndjson' } }, status: 200 },
        { path: `/jobs/${jobId}/events?from=snapshot`, status: 200 },
        { path: `/jobs/${jobId}/events?after=10000`, status: 409 },
      ],
      getJob: [
        { path: `/jobs/${jobId}`, status: 200 },
        { path: `/jobs/${missing}`, status: 404 },
      ],
      readEventBody: [
        { path: `/jobs/${shortened}/events/2/body`, status: 200 },
        { path: `/jobs/${jobId}/events/2/body`, status: 404 },
      ],
      cancelJobs: [
        { path: '/jobs/cancel', init: post('{"status":"queued"}'), status: 200 },
        { path: '/jobs/cancel', init: post('{"metadata":{"customer":"7"}}'), status: 200 },
        { path: '/jobs/cancel', init: post('{}'), status: 400 },
      ],
      cancelJob: [{ path: `/jobs/${jobId}/cancel`, init: post(), status: 200 }],
      pauseJob: [{ path: `/jobs/${jobId}/pause`, init: post(), status: 200 }],
      resumeJob: [{ path: `/jobs/${missing}/resume`, init: post('{}'), status: 404 }],
      verifyJob: [{ path: `/jobs/${jobId}/verify`, init: post(), status: 200 }],
      redeliverWebhook: [
        { path: `/jobs/${shortened}/redeliver`, init: post(), status: 200 },
        { path: `/jobs/${jobId}/redeliver`, init: post(), status: 404 },
      ],
      submitBatch: [
        { path: '/batches', init: lines('{"prompt":"hi"}\n{}'), status: 200 },
        { path: '/batches', init: lines('{"prompt":"other"}'), status: 409 },
      ],
      getBatch: [
        { path: `/batches/${batchId}`, status: 200 },
        { path: `/batches/batch_${'0'.repeat(32)}`, status: 404 },
      ],
      batchResults: [{ path: `/batches/${batchId}/results`, status: 200 }],
      cancelBatch: [{ path: `/batches/${batchId}/cancel`, init: post(), status: 200 }],
      putFile: [
        { path: file, init: { method: 'PUT', body: 'text' }, status: 201 },
        { path: file, init: { method: 'PUT', body: 'more' }, status: 200 },
        { path: file, init: { method: 'PUT', body: 'more', headers: { 'if-none-match': '*' } }, status: 412 },
      ],
      listFiles: [
        { path: '/workspaces/w/files?recursive=true&limit=1', status: 200 },
        { path: '/workspaces/none/files', status: 404 },
        { path: '/workspaces/w/files?path=..%2F', status: 400 },
      ],
      readFile: [
        { path: file, status: 200 },
        { path: file, init: { headers: { range: 'bytes=1-2' } }, status: 206 },
        { path: '/workspaces/w/files/a', status: 403 },
      ],
      diffJob: [
        { path: `/jobs/${changing}/diff`, status: 200 },
        { path: `/jobs/${jobId}/diff`, status: 409 },
      ],
      diffFiles: [{ path: '/workspaces/w/diff', status: 409 }],
      packFiles: [{ path: '/workspaces/w/archive?path=a', status: 200 }],
      getMe: [{ path: '/me', status: 200 }],
      getOverview: [{ path: '/overview?minutes=5', status: 200 }],
      createTicket: [
        { path: '/tickets', init: post('{"scopes":["read"]}'), status: 201 },
        { path: '/tickets', init: post('{"scopes":[]}'), status: 400 },
      ],
      webhookSecrets: [{ path: '/webhook-secrets', status: 403 }],
      rotateWebhookSecret: [{ path: '/webhook-secrets/rotate', init: post('{"overlapMs":0}'), status: 403 }],
      getOpenApi: [{ path: '/openapi.json', status: 200 }],
      getDocs: [{ path: '/docs', status: 200 }],
      getSdkDocs: [{ path: '/docs/sdk', status: 200 }],
    };
    const operations = Object.values<Record<string, Described>>(document.paths).flatMap((path) =>
      Object.values(path),
    );
    const described = new Map(operations.map((operation) => [operation.operationId, operation]));
    expect(Object.keys(asked).sort()).toEqual([...described.keys()].sort());
    for (const [name, requests] of Object.entries(asked)) {
      for (const { path, init, status } of requests) {
        // A connection that idles while a schema is compiled may be closed when it is used again.
        const headers = { ...init?.headers, connection: 'close' };
        const response = await fetch(apiOf(1) + path, { ...init, headers });
        const text = await response.text();
        expect(response.status, `${name} ${path}: ${text}`).toBe(status);
        const digest = `sha-256=:${createHash('sha256').update(text).digest('base64')}:`;
        if (name === 'diffJob' && status === 200) expect(response.headers.get('repr-digest')).toBe(digest);
        const { responses = {} } = described.get(name) ?? {};
        const [type = ''] = response.headers.get('content-type')?.split(';') ?? [];
        const schema = (responses[status] ?? responses.default)?.content[type]?.schema;
        expect(schema, `${name} answers ${status} as ${type}`).toBeDefined();
        const values = type.endsWith('json')
          ? (text.match(/.+/g) ?? []).map((line) => JSON.parse(line))
          : eventsIn(text);
        const isStream = type.includes('ndjson') || type === 'text/event-stream';
        const $ref = schema?.$ref ?? (isStream ? '#/components/schemas/Event' : undefined);
        if ($ref === undefined) continue;
        expect(values.length).toBeGreaterThan(0);
        const validate = ajv.compile({ $ref: `openapi${$ref}` });
        for (const value of values) {
          validate(value);
          expect(validate.errors, `${name} ${path}`).toBeNull();
        }
      }
    }
  });

  /** A job whose worker the test is. */
  async function beginJob(more: object) {
    const log = createRedisWholeLog({
      redis: stack.redis.admin,
      keys: createKeys('cce'),
      retentionMs: 60_000,
    });
    const jobId = createJobId();
    const limits = { queueMs: 60_000, totalMs: 60_000, retry: 'safe' as const };
    const spec = { prompt: 'x', ...more };
    await log.create({ ...limits, jobId, epoch: createEpoch(), tenant: 'default', spec });
    const begun = await log.begin(jobId, 60_000, 'test');
    return { log, jobId, fence: 'attempt' in begun ? begun.attempt.fence : 0 };
  }

  /** A job that has ended, whose second event is a message that is kept whole beside it, and whose webhook goes nowhere. */
  async function createShortenedMessage(): Promise<string> {
    const { log, jobId, fence } = await beginJob({ webhook: { url: 'https://127.0.0.1/' } });
    const page = '{"text":"whole"}';
    const digest = { bytes: page.length, sha256: 'ab'.repeat(32) };
    const message = { type: 'message', message: {}, truncated: { ...digest, kept: true } };
    await log.append({
      ...{ jobId, fence, firstSeq: 2, hasOutput: true, terminal: 'cancelled' },
      bodies: [message, { type: 'cancelled', by: 'client', partial: true }].map((body) =>
        JSON.stringify(body),
      ),
      kept: [{ seq: 2, ...digest, pages: [page] }],
    });
    return jobId;
  }

  /** A job that has ended, of which claude-api keeps what it has changed. */
  async function createChangingJob(): Promise<string> {
    const { log, jobId, fence } = await beginJob({});
    const text = 'diff --git a/a b/a\n';
    const diff = { bytes: text.length, sha256: createHash('sha256').update(text).digest('hex'), files: 1 };
    mkdirSync(join(workspaces, '.diffs'));
    writeFileSync(join(workspaces, '.diffs', createHash('sha256').update(jobId).digest('hex')), text);
    const end = { type: 'cancelled', by: 'client', partial: false, executionId: jobId, diff };
    const place = { jobId, fence, firstSeq: 2, hasOutput: false, terminal: 'cancelled' as const };
    await log.append({ ...place, bodies: [JSON.stringify(end)] });
    return jobId;
  }

  it('leaves nothing behind', () => nothingLeft());
});

describe('the files of a workspace', () => {
  const at = (path: string) => `${apiOf(1)}/workspaces/site/${path}`;
  async function cli(args: string[]) {
    const { ended, stdout, stderr } = runNode([main, 'files', ...args, '--url', stack.url(1)]);
    const { code } = await ended;
    return { code, stdout: stdout(), stderr: stderr() };
  }

  it('pass through the gateway as they are, whole and in parts, however large', async () => {
    const large = randomBytes(3 * 1024 * 1024);
    const put = await fetch(at('files/data/large.bin'), { method: 'PUT', body: large });
    const { sha256, etag } = (await put.json()) as { sha256: string; etag: string };
    expect([put.status, sha256]).toEqual([201, createHash('sha256').update(large).digest('hex')]);
    const whole = await fetch(at('files/data/large.bin'));
    expect(whole.headers.get('etag')).toBe(`"${etag}"`);
    expect(Buffer.from(await whole.arrayBuffer()).equals(large)).toBe(true);
    const head = await fetch(at('files/data/large.bin'), { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(large.length)]);
    const part = await fetch(at('files/data/large.bin'), { headers: { range: 'bytes=-5' } });
    expect([part.status, Buffer.from(await part.arrayBuffer())]).toEqual([206, large.subarray(-5)]);
    const archive = Buffer.from(await (await fetch(at('archive'))).arrayBuffer());
    expect(
      execFileSync('tar', ['-xzOf', '-', 'data/large.bin'], { input: archive, maxBuffer: 2 ** 24 }).equals(
        large,
      ),
    ).toBe(true);
    const missing = await (await fetch(at('files/none'))).json();
    expect(missing).toMatchObject({ status: 404, code: 'file_not_found', retryable: false });
    const foreign = await fetch(at('files/data/large.bin'), { method: 'DELETE' });
    expect([foreign.status, foreign.headers.get('allow')]).toEqual([405, 'HEAD, GET, PUT, OPTIONS']);

    const off = await (await fetch(`${apiOf(0)}/workspaces/site/files`)).json();
    expect(off).toMatchObject({ status: 403, code: 'workspaces_off' });

    const client = createClient({ url: stack.url(1) });
    const { entries } = await client.listFiles({ workspace: 'site', recursive: true });
    expect(entries.map(({ path }) => path)).toEqual(['data', 'data/large.bin']);
    expect(Buffer.from(await client.readFile('site', 'data/large.bin')).equals(large)).toBe(true);
    await client.close();
  });

  it('can be put, listed, printed and packed by the CLI', async () => {
    const folder = mkdtempSync(join(workspaces, '.cli-'));
    const source = join(folder, 'notes.md');
    writeFileSync(source, 'of mine');
    expect(await cli(['put', 'site', 'notes/a b.md', source])).toMatchObject({ code: 0 });
    expect((await cli(['ls', 'site', 'notes'])).stdout).toMatch(/^ +7 {2}\S+Z {2}a b\.md\n$/);
    expect(await cli(['get', 'site', 'notes/a b.md'])).toMatchObject({ code: 0, stdout: 'of mine' });
    const packed = join(folder, 'site.tgz');
    await cli(['archive', 'site', 'notes', '-o', packed]);
    expect(execFileSync('tar', ['-tzf', packed], { encoding: 'utf8' })).toBe('a b.md\n');
    const missing = await cli(['get', 'site', 'none']);
    expect([missing.code, missing.stderr]).toEqual([1, 'cc-executor: There is no none\n']);
  });
});

describe('a stream whose gateway is killed', () => {
  beforeEach(({ skip }) => skip(!hasCurl, 'there is no curl 7.82 or newer'));

  it('is gone on with at another gateway by Last-Event-ID, without a hole, and its job can be cancelled there', async () => {
    const word = `${nonce(4)} `;
    const { jobId } = await (
      await submit(`demo:${JSON.stringify({ text: word, repeat: 300, delayMs: 10 })}`)
    ).json();
    const first = runProgram('curl', ['-sSN', `${apiOf(0)}/jobs/${jobId}/events`]);
    await first.untilOutput(/^id: 20$/m);
    stack.gateways[0]?.kill('SIGKILL');
    expect((await first.ended).code).not.toBe(0);
    const seen = eventsIn(first.stdout());
    expect(seen.length).toBeGreaterThanOrEqual(19);
    const next = `${apiOf(1)}/jobs/${jobId}/events`;
    const rest = runProgram('curl', ['-sSN', '-H', `Last-Event-ID: ${seen.at(-1)?.seq}`, next]);
    await rest.untilOutput(new RegExp(`^id: ${seen.length + 20}$`, 'm'));
    const { stdout } = await run('curl', ['-sS', '-X', 'POST', `${apiOf(1)}/jobs/${jobId}/cancel`]);
    expect(JSON.parse(stdout)).toMatchObject({ accepted: true });
    expect((await rest.ended).code).toBe(0);
    const all = [...seen, ...eventsIn(rest.stdout())];
    expect(all.map(({ seq }) => seq)).toEqual(all.map((_, i) => i + 1));
    expect(all.at(-1)).toMatchObject({ type: 'cancelled', by: 'client' });
  });
});
