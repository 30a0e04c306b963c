/** A claude-api with the real Claude Code, which talks to a stand-in for the model, each in a process of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chooseClaude, claudeEnvironment } from '@cc-executor/testing';
import { startProgram } from './program.ts';
import { startQuietService } from './quiet-service.ts';

export type ClaudeUpstream = {
  url: string;
  /** Of Claude Code. */
  version: string;
  pid: number;
  close(): Promise<void>;
};

/** @param executions how many at once. Throws when there is no Claude Code and none can be fetched. */
export async function startClaudeUpstream(executions: number): Promise<ClaudeUpstream> {
  const { CLAUDE_BIN: bin, PATH: path, TEST_CLAUDE: wanted } = process.env;
  const claude = await chooseClaude({
    ...(bin === undefined ? {} : { bin }),
    path,
    mayFetch: wanted !== 'off',
  });
  if ('missing' in claude) throw new Error(claude.missing);
  const home = await mkdtemp(join(tmpdir(), 'cc-executor-bench-'));
  const model = await startProgram('systems/model.ts', []);
  const api = await startQuietService('claude-api', 'CLAUDE_API_PORT', {
    ...claudeEnvironment({ modelUrl: `http://127.0.0.1:${model.port}`, home }),
    CLAUDE_ENGINE: 'claude',
    CLAUDE_BIN: claude.bin,
    CLAUDE_WORK_DIR: join(home, 'work'),
    CLAUDE_MAX_EXECUTIONS: `${executions}`,
  });
  return {
    url: `http://127.0.0.1:${api.port}`,
    version: claude.version,
    pid: api.pid,
    async close() {
      await api.stop();
      await model.stop();
      await rm(home, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
