/** The options that say which jobs are meant, of `jobs` and `cancel`, and what they ask of the gateway. */
import type { Params } from '@cc-executor/protocol';
import { type Command, Option } from 'commander';
import { collect, readPairs } from './claude-flags.ts';
import { UsageError } from './usage-error.ts';

export type FilterOptions = {
  status?: string;
  since?: string;
  until?: string;
  metadata?: string[];
  text?: string;
  conversation?: string;
  tenant?: string;
};

export type JobFilter = Omit<Params<'list'>, 'limit' | 'cursor'>;

const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** @param statuses that may be asked for */
export function addFilterFlags(command: Command, statuses: readonly string[]): Command {
  return command
    .addOption(new Option('--status <status>', 'only jobs in this status').choices(statuses))
    .option('--since <time>', 'accepted then or later: 90m, 2h, 3d ago, or a date such as 2026-11-27T08:00')
    .option('--until <time>', 'accepted before then')
    .option('--metadata <key=value>', 'with this in their metadata; may be repeated', collect)
    .option('--conversation <id>', 'of this conversation')
    .option('--tenant <tenant>', 'of this tenant, with a key that has the scope admin')
    .option('--text <text>', 'with this in their title, the beginning of the prompt');
}

/** What the options ask for; `now` is a Unix time in ms. Errors: `UsageError`, which names every fault. */
export function readFilter(options: FilterOptions, now: number): JobFilter {
  const faults: string[] = [];
  const filter = {
    status: options.status as JobFilter['status'],
    since: readTime('--since', options.since, now, faults),
    before: readTime('--until', options.until, now, faults),
    metadata: options.metadata && readPairs('--metadata', options.metadata, faults),
    text: options.text,
    conversation: options.conversation,
    tenant: options.tenant,
  };
  if (faults.length > 0) throw new UsageError(faults.join('\n  '));
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
}

function readTime(flag: string, text: string | undefined, now: number, faults: string[]): number | undefined {
  if (text === undefined) return undefined;
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const time = count === undefined ? Date.parse(text) : now - Number(count) * UNITS_MS[unit]!;
  if (Number.isNaN(time)) faults.push(`${flag}: '${text}' is neither a time ago such as 2h nor a date`);
  return Math.max(time, 0);
}
