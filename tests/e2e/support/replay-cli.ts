/** A Claude Code that prints the recording its prompt names, and ends as the recorded one did. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { recordedEndings } from '@cc-executor/testing';

const recordings = fileURLToPath(new URL('../../../libs/testing/recordings/', import.meta.url));

/** Every recording there is. */
export const recordingNames = readdirSync(recordings)
  .filter((file) => file.endsWith('.jsonl'))
  .map((file) => file.replace('.jsonl', ''));

/** Writes the program below the folder; recordings in the folder itself come first. */
export function writeReplayCli(folder: string): string {
  const ends = Object.entries(recordedEndings()).map(([name, { exitCode, signal }]) => {
    return `  ${name}) ${signal === null ? `exit ${exitCode}` : `kill -s ${signal.replace('SIG', '')} $$`} ;;`;
  });
  const file = join(folder, 'claude');
  const script = `#!/bin/sh
[ "$1" = --version ] && echo '0.0.0 (replay)' && exit 0
name=$(cat)
if [ -f '${folder}'/"$name.jsonl" ]; then cat '${folder}'/"$name.jsonl"; exit 0; fi
cat '${recordings}'"$name.jsonl"
case $name in
${ends.join('\n')}
esac
`;
  writeFileSync(file, script, { mode: 0o755 });
  return file;
}

/** The lines of a recording. */
export function readRecording(name: string): string[] {
  return readFileSync(join(recordings, `${name}.jsonl`), 'utf8')
    .split('\n')
    .filter(Boolean);
}

/**
 * A run with lines of megabytes, made from the recorded one with a tool: its output and its answer are blown up, and the
 * answer comes in one delta.
 */
export function enlarge(lines: readonly string[], toolOutput: string, answer: string): string[] {
  let streamed = false;
  return lines.flatMap((line) => {
    const entry = JSON.parse(line) as {
      type: string;
      result?: string;
      event?: { delta?: { type: string; text?: string } };
      message?: { content?: { type: string; text?: string; content?: string }[] };
    };
    const { delta } = entry.event ?? {};
    if (delta?.type === 'text_delta') {
      if (streamed) return [];
      streamed = true;
      delta.text = answer;
    }
    for (const block of entry.message?.content ?? []) {
      if (block.type === 'text') block.text = answer;
      if (block.type === 'tool_result') block.content = toolOutput;
    }
    if (entry.type === 'result') entry.result = answer;
    return [JSON.stringify(entry)];
  });
}
