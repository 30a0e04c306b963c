/** What was filled in, as the members of a request. Whether the values are good is judged by the gateway, in its words. */
import { type ClaudeOption, claudeOptions, type Kind } from '@cc-executor/claude-options';
import type { ExecuteParams } from '@cc-executor/client';

/** The field for members that are no option of Claude Code's. */
export const OTHERS = 'others';

export type ReadOptions = { params: Omit<ExecuteParams, 'prompt'>; faults: string[] };

/** Empty fields ask for nothing. */
export function readOptions(fields: Iterable<[string, unknown]>): ReadOptions {
  const params: Record<string, unknown> = {};
  const faults: string[] = [];
  const kinds: Partial<Record<string, ClaudeOption>> = claudeOptions;
  for (const [name, value] of fields) {
    const text = String(value).trim();
    if (text === '') continue;
    try {
      if (name === OTHERS) Object.assign(params, parseObject(text));
      else params[name] = readValue(kinds[name]!.value, text);
    } catch {
      faults.push(`${name === OTHERS ? 'Other members' : name}: this is not a JSON object.`);
    }
  }
  return { params, faults };
}

function readValue({ kind }: Kind, text: string): unknown {
  const lines = text.split('\n').map((line) => line.trim());
  switch (kind) {
    case 'text':
    case 'choice':
      return text;
    case 'integer':
    case 'amount':
      return Number(text);
    case 'list':
      return lines.filter((line) => line !== '');
    case 'map':
      return Object.fromEntries(lines.filter((line) => line.includes('=')).map(splitPair));
    default:
      return parseObject(text);
  }
}

function splitPair(line: string): [string, string] {
  const equals = line.indexOf('=');
  return [line.slice(0, equals), line.slice(equals + 1)];
}

function parseObject(text: string): object {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('no object');
  return value;
}
