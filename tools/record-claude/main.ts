/**
 * Records the real Claude Code into libs/testing/recordings: `CLAUDE_BIN=… node tools/runtime/run.mjs
 * tools/record-claude/main.ts [NAME …]`. Look at what it writes before it is committed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { recordClaude } from '@cc-executor/testing';
import { scenarios } from './scenarios.ts';

const folder = new URL('../../libs/testing/recordings/', import.meta.url);
const endingsFile = new URL('endings.json', folder);

const bin = process.env.CLAUDE_BIN ?? 'claude';
const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(scenarios);
for (const name of names) {
  const scenario = scenarios[name];
  if (scenario === undefined) {
    process.stderr.write(`There is no ${name}; there are ${Object.keys(scenarios).join(', ')}\n`);
    process.exit(2);
  }
  const { lines, exitCode, signal } = await recordClaude({ bin, ...scenario });
  writeFileSync(new URL(`${name}.jsonl`, folder), lines.map((line) => `${line}\n`).join(''));
  const endings = JSON.parse(readFileSync(endingsFile, 'utf8')) as Record<string, object>;
  endings[name] = { exitCode, signal };
  writeFileSync(endingsFile, `${JSON.stringify(endings, null, 2)}\n`);
  process.stdout.write(`${name}: ${lines.length} lines, ${signal ?? `exit code ${exitCode}`}\n`);
}
