/** Which jobs a list is asked for. The indexes find candidates; this decides. */
import {
  isTerminal,
  type Job,
  type JobStatus,
  MAX_LISTED_MEMBERS,
  MAX_LISTED_NAME_LENGTH,
  MAX_LISTED_VALUE_LENGTH,
} from '@cc-executor/protocol';
import { foldText } from './title.ts';

/** Stands for the jobs of all tenants. Nothing that a client sends becomes this. */
export const everyTenant = Symbol('every tenant');

/** Whose jobs are looked for. */
export type Reach = string | typeof everyTenant;

/** Of what was accepted at `since` or later, and before `before`. */
export type ListFilter = {
  /** `unfinished`: queued or running. */
  status?: JobStatus | 'unfinished' | undefined;
  since?: number | undefined;
  before?: number | undefined;
  /** Members that the metadata has, values as text. */
  metadata?: Readonly<Record<string, string>> | undefined;
  /** What the title holds. */
  text?: string | undefined;
  /** Continues this conversation, or has begun it; decided by the indexes alone. */
  conversation?: string | undefined;
  /** How its id begins. */
  idPrefix?: string | undefined;
};

/** The members of metadata that a job is found by: texts, numbers and truth values, as text. */
export function findableMembers(metadata: Job['metadata'] = {}): [name: string, value: string][] {
  return Object.entries(metadata)
    .filter(([name, value]) => name !== '' && ['string', 'number', 'boolean'].includes(typeof value))
    .map(([name, value]): [string, string] => [name, String(value)])
    .filter(
      ([name, value]) => name.length <= MAX_LISTED_NAME_LENGTH && value.length <= MAX_LISTED_VALUE_LENGTH,
    )
    .slice(0, MAX_LISTED_MEMBERS);
}

/** A conversation stands among the members that a job is found by, under a name that metadata cannot have there. */
export function conversationMembers(
  conversation: string | null | undefined,
): [name: string, value: string][] {
  return conversation ? [['', conversation]] : [];
}

/** Whether a job, with its metadata, is asked for. */
export function isAskedFor(job: Job, filter: ListFilter): boolean {
  const { since = 0, before = Number.POSITIVE_INFINITY, metadata = {}, text, idPrefix = '' } = filter;
  if (!hasStatus(job, filter) || job.createdAt < since || job.createdAt >= before) return false;
  if (!job.jobId.startsWith(idPrefix)) return false;
  if (text !== undefined && !foldText(job.title ?? '').includes(foldText(text))) return false;
  const members = new Map(findableMembers(job.metadata));
  return Object.entries(metadata).every(([name, value]) => members.get(name) === value);
}

/** Of a job whose metadata has not been read. */
export function hasStatus({ status }: Pick<Job, 'status'>, { status: wanted }: ListFilter): boolean {
  if (wanted === 'unfinished') return !isTerminal(status);
  return wanted === undefined || status === wanted;
}
