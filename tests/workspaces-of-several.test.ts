/** Files where several claude-apis stand behind one name, over real sockets, with the client that gateways use. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClaudeApiClient, FilesError } from '@cc-executor/claude-api-client';
import { expect, onTestFinished, test } from 'vitest';
import { createDemoEngine } from '../apps/claude-api/src/demo-engine.ts';
import { startApi, temporaryFolder } from '../apps/claude-api/test/harness.ts';

const ADDRESSES = ['127.0.0.1', '127.0.0.2'];

/** Each keeps its workspaces in its folder. */
async function startSeveral(roots: readonly string[]) {
  const [first, second] = roots as [string, string];
  const one = await startApi(createDemoEngine(), { workspacesDir: first });
  const { port } = new URL(one.url);
  const place = { host: ADDRESSES[1]!, port: Number(port) };
  const other = await startApi(createDemoEngine(), { ...place, workspacesDir: second });
  const client = createClaudeApiClient({ url: `http://claude-api:${port}`, lookup: async () => ADDRESSES });
  onTestFinished(() => client.close());
  const { signal } = new AbortController();
  async function ask(method: 'GET' | 'PUT', workspace: string, body?: string): Promise<string> {
    const pieces = body === undefined ? {} : { body: [Buffer.from(body)] as never };
    try {
      const answer = await client.files({ method, workspace, path: 'files/f', ...pieces }, signal);
      const text = (await answer.body.toArray()).join('');
      return method === 'GET' ? text : String(answer.status);
    } catch (error) {
      if (error instanceof FilesError) return error.code;
      throw error;
    }
  }
  return { ask, other };
}

function makeFile(root: string, workspace: string, text: string): void {
  mkdirSync(join(root, workspace), { recursive: true });
  writeFileSync(join(root, workspace, 'f'), text);
}

test('the one that has the workspace is asked, whichever it is', async () => {
  const [first, second] = [temporaryFolder(), temporaryFolder()];
  makeFile(first, 'a', 'of the first');
  makeFile(second, 'b', 'of the second');
  const { ask, other } = await startSeveral([first, second]);
  expect(await ask('GET', 'a')).toBe('of the first');
  expect(await ask('GET', 'b')).toBe('of the second');
  expect(await ask('PUT', 'b', 'anew')).toBe('200');
  expect(await ask('GET', 'b')).toBe('anew');
  expect(await ask('GET', 'none')).toBe('workspace_not_found');
  expect(await ask('PUT', 'new', 'x')).toBe('201');
  expect(existsSync(join(first, 'new', 'f'))).toBe(true);
  makeFile(second, 'a', 'another');
  expect(await ask('GET', 'a')).toBe('workspace_ambiguous');
  await other.close();
  // What is there can be had; what is not may be where nobody answers.
  expect(await ask('GET', 'new')).toBe('x');
  expect(await ask('GET', 'b')).toBe('upstream_unreachable');
  expect(await ask('PUT', 'newer', 'x')).toBe('upstream_unreachable');
});

test('any is asked where they share one folder', async () => {
  const root = temporaryFolder();
  const { ask } = await startSeveral([root, root]);
  expect(await ask('PUT', 'a', 'shared')).toBe('201');
  expect(await ask('GET', 'a')).toBe('shared');
});
