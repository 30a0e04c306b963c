/** The options of Claude Code on the command line of `run`: flags, help and values follow from the one table. */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type ClaudeOption, claudeOptions, type FileValue, type Kind } from '@cc-executor/claude-options';
import { type Command, Option } from 'commander';

/** What commander read, by its own name for each flag. */
export type GivenFlags = { readonly [attribute: string]: string | string[] | boolean | undefined };

/** Adds a flag for each option to the command. */
export function addClaudeFlags(command: Command): void {
  for (const { run, meaning, value } of Object.values<ClaudeOption>(claudeOptions)) {
    const option = new Option(run, meaning + hint(value));
    command.addOption(isRepeatable(value) ? option.argParser(collect) : option);
  }
}

/** The options that were given, by the name they have in a request. Faults in their form are added to `faults`. */
export function readClaudeFlags(given: GivenFlags, faults: string[]): Record<string, unknown> {
  const read: Record<string, unknown> = {};
  for (const [name, { run, value }] of Object.entries<ClaudeOption>(claudeOptions)) {
    const text = given[new Option(run).attributeName()];
    if (text !== undefined) read[name] = readValue(flagOf(run), value, [text].flat().map(String), faults);
  }
  return read;
}

/** `--add-dir` for the option `addDirs`; undefined for anything that is not an option of Claude Code. */
export function claudeFlag(name: string): string | undefined {
  const table: Readonly<Record<string, ClaudeOption>> = claudeOptions;
  return Object.hasOwn(table, name) ? flagOf(table[name]!.run) : undefined;
}

/** Gathers the values of a flag that may be repeated. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}

/** At commas, but not at those inside parentheses: `Bash(git log:*, git diff:*),Read` are two tools. */
export function splitTools(list: string): string[] {
  return (list.match(/(?:\([^)]*\)|[^,(])+/g) ?? []).map((tool) => tool.trim()).filter((tool) => tool !== '');
}

/** An object of texts from `key=value`; whatever is not of that form becomes a fault. */
export function readPairs(flag: string, pairs: readonly string[], faults: string[]): Record<string, string> {
  const read: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    if (equals > 0) read[pair.slice(0, equals)] = pair.slice(equals + 1);
    else faults.push(`${flag}: '${pair}' is not key=value`);
  }
  return read;
}

function readValue(flag: string, value: Kind, texts: readonly string[], faults: string[]): unknown {
  switch (value.kind) {
    case 'text':
    case 'choice':
      return texts[0];
    case 'integer':
    case 'amount':
      return Number(texts[0]);
    case 'list':
      return value.joined ? texts.flatMap(splitTools) : texts;
    case 'map':
      return readPairs(flag, texts, faults);
    case 'source':
      return readSource(texts[0] ?? '');
    case 'object':
    case 'schema':
      return readJson(flag, texts[0] ?? '', faults);
    case 'files':
      return texts.map((path) => readAttachment(flag, path, value.mediaTypes, faults));
  }
}

function readAttachment(
  flag: string,
  path: string,
  mediaTypes: Readonly<Record<string, FileValue['mediaType']>>,
  faults: string[],
): FileValue | undefined {
  const mediaType = mediaTypes[extname(path).slice(1).toLowerCase()];
  if (mediaType === undefined) {
    faults.push(`${flag}: ${path} is none of ${Object.keys(mediaTypes).join(', ')}`);
    return undefined;
  }
  try {
    return { mediaType, data: readFileSync(path, 'base64') };
  } catch (error) {
    faults.push(`${flag}: ${(error as Error).message}`);
    return undefined;
  }
}

/** By its ending it is an archive, or else a repository, perhaps with a ref. */
function readSource(text: string): unknown {
  const [address = '', ref] = text.split(/#(.*)/s);
  const isArchive = /\.(?:tar|tar\.gz|tgz)$/.test(address.split('?', 1)[0]!);
  if (isArchive && ref === undefined) return { archive: address };
  return { git: address, ...(ref !== undefined && { ref }) };
}

/** JSON, or what stands as JSON in the file of that name. */
function readJson(flag: string, text: string, faults: string[]): unknown {
  try {
    return JSON.parse(text.trimStart().startsWith('{') ? text : readFileSync(text, 'utf8'));
  } catch (error) {
    faults.push(`${flag}: ${(error as Error).message}`);
    return undefined;
  }
}

function hint(value: Kind): string {
  if (value.kind === 'choice') return `: ${value.choices.join(', ')}`;
  if (value.kind === 'list' && value.joined) return ', separated by commas';
  if (value.kind === 'source') return ': a Git repository, or a tar';
  if (value.kind === 'object' || value.kind === 'schema') return '; JSON, or a file of it';
  return isRepeatable(value) ? '; may be repeated' : '';
}

function isRepeatable({ kind }: Kind): boolean {
  return kind === 'list' || kind === 'map' || kind === 'files';
}

function flagOf(run: string): string {
  return run.split(' ', 1)[0]!;
}
