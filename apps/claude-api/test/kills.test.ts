/** Kills at random moments: whatever is killed and when, there is one complete line, and nothing is left. */
import { randomInt, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  type Api,
  claudeEngine,
  leftFolders,
  parseLines,
  soleCompletion,
  startApi,
  temporaryFolder,
} from './harness.ts';
import { cliOf, holderOf, processesOf, untilProcesses } from './process-table.ts';
import { MISSING, realCli, realEngine } from './real-claude.ts';

const SIGNALS = ['SIGKILL', 'SIGKILL', 'SIGTERM', 'SIGINT'] as const;

/** A quick one: a shell that talks for a while, with a child in a session of its own. */
function quickCli(): string {
  const path = join(temporaryFolder(), 'claude');
  const delta =
    '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"tick "}}}';
  const script = `#!/bin/sh
cat > /dev/null
setsid sleep 600 < /dev/null > /dev/null 2>&1 &
echo '{"type":"system","subtype":"init","session_id":"s"}'
for tick in 1 2 3 4 5 6 7 8; do echo '${delta}'; sleep 0.01; done
echo '{"type":"result","subtype":"success","is_error":false,"result":"tick tick tick tick tick tick tick tick "}'
`;
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

/** Kills the CLI of one execution, or what holds it, when it has been there for so long, unless it has ended by itself. */
async function runAndKill(api: Api, prefix: string, question: string, afterMs: number) {
  const executionId = `${prefix}${randomUUID()}`;
  const ended = api.execute({ question, executionId }).then((response) => response.text());
  let over = false;
  void ended.then(() => {
    over = true;
  });
  await untilProcesses(() => over || cliOf(executionId) !== undefined);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  const target = randomInt(4) === 0 ? holderOf(executionId) : cliOf(executionId);
  const killed = target !== undefined && tryKill(target.pid, SIGNALS[randomInt(SIGNALS.length)]!);
  return { complete: soleCompletion(parseLines(await ended)), killed };
}

function tryKill(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // It ended by itself in this moment.
    return false;
  }
}

async function runMany(total: number, atOnce: number, run: () => ReturnType<typeof runAndKill>) {
  const results: Awaited<ReturnType<typeof runAndKill>>[] = [];
  let started = 0;
  async function work() {
    while (started < total) {
      started += 1;
      results.push(await run());
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work));
  return results;
}

describe.runIf(process.platform === 'linux')('killed at a random moment', () => {
  test('100 runs give one complete line each, and leave no process and no folder', async () => {
    const prefix = `kills-${randomUUID()}-`;
    const engine = claudeEngine({ bin: quickCli() });
    const api = await startApi(engine);
    const results = await runMany(100, 8, () => runAndKill(api, prefix, 'hello', randomInt(0, 120)));
    expect(results).toHaveLength(100);
    for (const { complete, killed } of results) {
      // One that is killed after its result may count as either: its exit decides.
      if (!killed) expect(complete.status).toBe('success');
      else expect(['error', 'success']).toContain(complete.status);
    }
    const failures = results.filter(({ complete }) => complete.status === 'error').length;
    expect(failures).toBeGreaterThan(10);
    expect(failures).toBeLessThan(100);
    await untilProcesses(() => processesOf(prefix).length === 0);
    expect(leftFolders(engine)).toEqual([]);
  }, 120_000);

  describe('the real Claude Code', () => {
    beforeEach(({ skip }) => skip(realCli === undefined, MISSING));

    test('12 runs with a tool at work give one complete line each, and leave no process', async () => {
      const prefix = `kills-${randomUUID()}-`;
      const { engine } = await realEngine();
      const api = await startApi(engine);
      const question =
        '[[bash: (setsid sleep 600 &) ; echo begun]] [[bash: sleep 0.2]] [[chunks: 30]] [[delay: 10]]';
      const results = await runMany(12, 3, () => runAndKill(api, prefix, question, randomInt(0, 1_800)));
      expect(results).toHaveLength(12);
      await untilProcesses(() => processesOf(prefix).length === 0);
      expect(leftFolders(engine)).toEqual([]);
    }, 120_000);
  });
});
