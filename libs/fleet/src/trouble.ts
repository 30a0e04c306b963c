/** What can be wrong with names, connections, logins and room, in words, told apart by what there is to do about it. */
import { type Memory, percentOf } from '@cc-executor/redis';

export type TroubleKind =
  | 'name_unknown'
  | 'refused'
  | 'timed_out'
  | 'unroutable'
  | 'not_ours'
  | 'credentials'
  | 'not_allowed'
  | 'busy'
  | 'memory_full'
  | 'disk_full'
  | 'no_replicas'
  | 'other';

const KINDS: Record<string, TroubleKind> = {
  ENOTFOUND: 'name_unknown',
  ENODATA: 'name_unknown',
  EAI_AGAIN: 'name_unknown',
  EAI_NODATA: 'name_unknown',
  ECONNREFUSED: 'refused',
  TIMEOUT: 'timed_out',
  ETIMEDOUT: 'timed_out',
  CONNECT_TIMEOUT: 'timed_out',
  EHOSTUNREACH: 'unroutable',
  ENETUNREACH: 'unroutable',
  NOT_REDIS: 'not_ours',
  NOT_HTTP: 'not_ours',
  NOT_OURS: 'not_ours',
  WRONGPASS: 'credentials',
  NOAUTH: 'credentials',
  NOPERM: 'not_allowed',
  LOADING: 'busy',
  MASTERDOWN: 'busy',
  OOM: 'memory_full',
  MISCONF: 'disk_full',
  NOREPLICAS: 'no_replicas',
};

const WORDS: Record<TroubleKind, string> = {
  name_unknown: 'the name is not known',
  refused: 'the connection is refused',
  timed_out: 'no answer in time',
  unroutable: 'there is no route to it',
  not_ours: 'something else answers there',
  credentials: 'wrong credentials',
  not_allowed: 'this user may not do what is needed',
  busy: 'it is not ready yet',
  memory_full: 'it is full',
  disk_full: 'its disk is full, or cannot be written',
  no_replicas: 'too few replicas follow it, and it takes no writes',
  other: 'it does not work',
};

export function kindOfTrouble(code: string | undefined): TroubleKind {
  return KINDS[code ?? ''] ?? 'other';
}

/** `the name is not known (ENOTFOUND)`; an odd trouble is told in its own words. */
export function describeTrouble(code: string | undefined, detail?: string): string {
  const kind = kindOfTrouble(code);
  if (kind === 'other' && detail !== undefined) return detail;
  const tellsMore = kind === 'not_allowed' || kind === 'disk_full';
  const more = tellsMore && detail !== undefined ? `: ${detail}` : '';
  return `${WORDS[kind]}${code === undefined ? '' : ` (${code})`}${more}`;
}

/** `Redis is full: 58 of 64 MB of its maxmemory are used`; undefined while less than so much of it is. */
export function describeFullness(memory: Memory | undefined, fullPercent: number): string | undefined {
  if (memory === undefined || percentOf(memory) < fullPercent) return undefined;
  const [used, max] = [memory.usedBytes, memory.maxBytes].map((bytes) => Math.ceil(bytes / 2 ** 20));
  return `Redis is full: ${used} of ${max} MiB of its maxmemory are used, and new jobs are refused`;
}
