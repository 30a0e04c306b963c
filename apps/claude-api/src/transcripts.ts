/**
 * Claude Code's own transcripts: `projects/<folder>/<conversation>.jsonl` below its configuration folder, appended to
 * whenever the conversation goes on. They are the witness that an answer was really given. Only read here.
 */
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createLineSplitter, createTextDigest } from '@cc-executor/claude-stream';

const HEAD_BYTES = 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024 * 1024;

export type TranscriptFile = {
  readonly path: string;
  readonly bytes: number;
  /** Where the conversation began. */
  readonly cwd: string;
};

/** The transcript's path; undefined when there is none. */
export async function findTranscript(
  configFolder: string,
  conversation: string,
): Promise<string | undefined> {
  const projects = join(configFolder, 'projects');
  // The folder's name is made from the working directory's in a way that is Claude Code's own.
  const folders = await readdir(projects).catch(() => [] as string[]);
  const paths = folders.map((folder) => join(projects, folder, `${conversation}.jsonl`));
  const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)));
  const index = found.findIndex((entry) => entry?.isFile());
  return paths[index];
}

/** A conversation that can be continued; undefined when there is none. */
export async function findConversation(
  configFolder: string,
  conversation: string,
): Promise<TranscriptFile | undefined> {
  const path = await findTranscript(configFolder, conversation);
  if (path === undefined) return undefined;
  const file = await open(path);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(HEAD_BYTES, size)), 0);
    for (const line of buffer.subarray(0, bytesRead).toString('utf8').split('\n')) {
      const cwd = parse(line)?.cwd;
      if (typeof cwd === 'string') return { path, bytes: size, cwd };
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/**
 * The answer in a part of a transcript: text blocks of the main conversation, without what Claude Code made up, and the object
 * of a structured output as JSON, as its result line has it.
 */
export async function readAnswer(
  path: string,
  range: { from: number; to: number },
): Promise<{ blocks: string[]; bytes: number; sha256: string }> {
  const blocks: string[] = [];
  const digest = createTextDigest();
  const splitter = createLineSplitter({ maxLineBytes: MAX_LINE_BYTES });
  const objects = createObjectWatch();
  const take = (line: string) => {
    const entry = parse(line);
    for (const text of [...textsOf(entry), ...objects.take(entry)]) {
      blocks.push(text);
      digest.append(text, true);
    }
  };
  if (range.to > range.from) {
    for await (const chunk of createReadStream(path, { start: range.from, end: range.to - 1 })) {
      for (const line of splitter.push(chunk as Buffer)) take(line);
    }
    const rest = splitter.end();
    if (rest !== undefined) take(rest);
  }
  return { blocks, ...digest.value() };
}

type Entry = {
  type?: unknown;
  cwd?: unknown;
  isSidechain?: unknown;
  isApiErrorMessage?: unknown;
  message?: { model?: unknown; content?: unknown };
};

type Block = {
  type?: unknown;
  text?: unknown;
  name?: unknown;
  id?: unknown;
  input?: unknown;
  tool_use_id?: unknown;
  is_error?: unknown;
};

function textsOf(entry: Entry | undefined): string[] {
  return modelBlocks(entry)
    .filter((block) => block.type === 'text' && typeof block.text === 'string' && block.text !== '')
    .map((block) => block.text as string);
}

/** Finds the objects that Claude Code took from its model: calls of a tool of its own that did not end as an error. */
function createObjectWatch(): { take(entry: Entry | undefined): string[] } {
  const given = new Map<unknown, string>();
  return {
    take(entry) {
      for (const { type, name, id, input } of modelBlocks(entry)) {
        if (type === 'tool_use' && name === 'StructuredOutput') given.set(id, JSON.stringify(input));
      }
      if (given.size === 0 || entry?.type !== 'user') return [];
      return blocksOf(entry).flatMap(({ tool_use_id: id, is_error: isError }) => {
        const object = given.get(id);
        given.delete(id);
        return object === undefined || isError === true ? [] : [object];
      });
    },
  };
}

function modelBlocks(entry: Entry | undefined): Block[] {
  if (entry?.type !== 'assistant' || entry.isSidechain === true || entry.isApiErrorMessage === true)
    return [];
  return entry.message?.model === '<synthetic>' ? [] : blocksOf(entry);
}

function blocksOf({ message }: Entry): Block[] {
  return Array.isArray(message?.content) ? (message.content as Block[]) : [];
}

function parse(line: string): Entry | undefined {
  try {
    return JSON.parse(line) as Entry;
  } catch {
    // The last line of a process that was killed.
    return undefined;
  }
}
