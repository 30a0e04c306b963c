import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createClaudeApiClient } from '../src/index.ts';

const servers: Server[] = [];
const asked: string[] = [];

afterEach(async () => {
  asked.length = 0;
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve));
});

/** A claude-api at this address that answers every question for a transcript so. */
async function answering(host: string, port: number, status: number, body: unknown): Promise<number> {
  const server = createServer((request, response) => {
    asked.push(`${host}${request.url}`);
    response.writeHead(status).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}

const known = { execution_id: 'e', conversation: 'c', blocks: ['hi'], bytes: 2, sha256: 'abc' };
const unable = (reason: string) => ({
  error: { code: 'not_verifiable', reason, message: `it is ${reason}` },
});

function clientOf(port: number, addresses: string[]) {
  return createClaudeApiClient({ url: `http://claude-api:${port}/behind`, lookup: async () => addresses });
}

describe("Claude's own transcript", () => {
  it('is asked for at every address, since only the one that ran it knows it', async () => {
    const addresses = ['127.0.0.1', '127.0.0.2', '127.0.0.3'];
    const port = await answering('127.0.0.1', 0, 404, unable('unknown_execution'));
    await answering('127.0.0.2', port, 200, known);
    await answering('127.0.0.3', port, 404, unable('unknown_execution'));
    const finding = await clientOf(port, addresses).transcript('job_1-1-1');
    expect(finding).toEqual({ bytes: 2, sha256: 'abc' });
    const path = '/behind/executions/job_1-1-1/transcript';
    expect(asked.sort()).toEqual(addresses.map((address) => `${address}${path}`));
  });

  it('is not had for the reason that says most', async () => {
    const port = await answering('127.0.0.1', 0, 404, unable('unknown_execution'));
    await answering('127.0.0.2', port, 404, unable('transcript_missing'));
    expect(await clientOf(port, ['127.0.0.1', '127.0.0.2']).transcript('e')).toEqual({
      reason: 'transcript_missing',
      message: 'it is transcript_missing',
    });
    // One that is away may be the one that ran it.
    expect(await clientOf(port, ['127.0.0.1', '127.0.0.3']).transcript('e')).toMatchObject({
      reason: 'upstream_unreachable',
    });
  });

  it.each([
    ['a service that has none', 404, 'Not Found'],
    ['a page of a proxy', 200, '<html>'],
    ['something else', 200, { bytes: '2' }],
  ])('of %s is not kept', async (_what, status, body) => {
    const port = await answering('127.0.0.1', 0, status, body);
    expect(await clientOf(port, ['127.0.0.1']).transcript('e')).toMatchObject({ reason: 'not_kept' });
  });

  it('cannot be asked for without the name, or after the client was closed', async () => {
    const lookup = () => Promise.reject(new Error('ENOTFOUND'));
    const client = createClaudeApiClient({ url: 'http://claude-api:1', lookup });
    expect(await client.transcript('e')).toMatchObject({ reason: 'upstream_unreachable' });
    const port = await answering('127.0.0.1', 0, 200, known);
    const closed = clientOf(port, ['127.0.0.1']);
    await closed.close();
    expect(await closed.transcript('e')).toMatchObject({ reason: 'upstream_unreachable' });
  });
});
