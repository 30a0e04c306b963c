/**
 * Finds jobs by the indexes, the newest first. Walks the texts, where one is wanted, else the smallest index that all
 * wanted ones stand in, and looks in the others for what it meets there. What it finds are candidates: the record decides.
 */
import { isTerminal, type TerminalStatus } from '@cc-executor/protocol';
import type { RedisConnection } from '@cc-executor/redis';
import type { Keys } from './keys.ts';
import { conversationMembers, type ListFilter } from './list-query.ts';
import { defineScripts } from './scripts.ts';
import { foldText } from './title.ts';

/** Where in a list, which may be of several tenants. */
export type Standing = { score: number; jobId: string };

/** A job that stands there. */
export type Place = Standing & { tenant: string };

/** Without `next` these were the last; with it there may be more behind that place. */
type Found = { places: Place[]; next: Standing | undefined };

/** Of all these tenants, in one order. */
export type Finder = (
  tenants: readonly string[],
  filter: ListFilter,
  behind: Standing | undefined,
) => Promise<Found>;

/** So many are looked at in one step of Redis: a millisecond or two. */
const LOOKS = 1_000;
const MOST = 100;
/** Of many tenants the one that stands first is walked on, so often in one step. */
const MORE_STEPS = 100;
/** More ids do not begin alike: four digits are given at least. */
const MOST_OF_PREFIX = 1_000;

export function createFinder({ redis, keys }: { redis: RedisConnection; keys: Keys }): Finder {
  const scripts = defineScripts(redis, 'find');

  return async (tenants, filter, behind) => {
    const [only = ''] = tenants;
    if (tenants.length === 1) return findOf(only, filter, behind, MOST);
    const few = Math.max(2, Math.ceil(MOST / tenants.length));
    const walks = await Promise.all(
      tenants.map(async (tenant) => ({ tenant, ...(await findOf(tenant, filter, behind, few)) })),
    );
    for (let steps = 0; steps < MORE_STEPS; steps += 1) {
      const { places, next } = merge(walks);
      const first = walks.find((walk) => next !== undefined && walk.next === next);
      if (first === undefined || places.length >= MOST) break;
      const more = await findOf(first.tenant, filter, first.next, MOST);
      first.places.push(...more.places);
      first.next = more.next;
    }
    return firstOf(merge(walks));
  };

  /** @param most how many to give */
  async function findOf(
    tenant: string,
    filter: ListFilter,
    behind: Standing | undefined,
    most: number,
  ): Promise<Found> {
    const span = { ...spanOf(filter, behind), most };
    const named = [...Object.entries(filter.metadata ?? {}), ...conversationMembers(filter.conversation)];
    const members = named.map(([name, value]) => keys.member(tenant, name, value));
    if (filter.idPrefix !== undefined) return byPrefix(tenant, filter.idPrefix, members, span);
    const texts = (source: string) => (source === keys.live(tenant) ? '' : foldText(filter.text ?? ''));
    return merge(
      await Promise.all(
        sourcesOf(tenant, filter.status).map((source) =>
          walk(tenant, [source, ...members], texts(source), span),
        ),
      ),
    );
  }

  /** Where jobs of a status stand. One that has just ended may be found only among the live ones. */
  function sourcesOf(tenant: string, status: ListFilter['status']): string[] {
    if (status === undefined) return [keys.jobs(tenant)];
    if (status === 'queued' || status === 'unfinished') return [keys.unfinished(tenant)];
    if (!isTerminal(status)) return [keys.live(tenant)];
    return [keys.ended(tenant, status as TerminalStatus), keys.live(tenant)];
  }

  async function walk(
    tenant: string,
    indexes: string[],
    text: string,
    { from, behind, to, most }: Span & { most: number },
  ): Promise<Found> {
    const walked =
      text === '' ? await smallestFirst(indexes, { from, to }) : [keys.texts(tenant), ...indexes];
    const looks = walked.length > 1 ? LOOKS : most;
    const [score, jobId, ...found] = await scripts.find(walked, [...[from, behind, to, looks, most], text]);
    const places: Place[] = [];
    for (let i = 0; i < found.length; i += 2) {
      places.push({ tenant, jobId: String(found[i]), score: Number(found[i + 1]) });
    }
    return { places, next: jobId === '' ? undefined : { score: Number(score), jobId: String(jobId) } };
  }

  async function smallestFirst(
    indexes: string[],
    { from, to }: Pick<Span, 'from' | 'to'>,
  ): Promise<string[]> {
    if (indexes.length === 1) return indexes;
    const counts = await Promise.all(indexes.map((index) => redis.zcount(index, to, from)));
    return indexes
      .map((index, i) => ({ index, count: counts[i] ?? 0 }))
      .sort((a, b) => a.count - b.count)
      .map(({ index }) => index);
  }

  async function byPrefix(
    tenant: string,
    prefix: string,
    indexes: string[],
    { from, behind, to }: Span,
  ): Promise<Found> {
    const ids = await redis.zrange(
      ...([keys.ids(tenant), `[${prefix}`, `(${prefix}g`, 'BYLEX', 'LIMIT', 0, MOST_OF_PREFIX] as const),
    );
    if (ids.length === 0) return { places: [], next: undefined };
    const standing = await Promise.all(indexes.map((index) => redis.zmscore(index, ...ids)));
    const scores = await redis.zmscore(keys.jobs(tenant), ...ids);
    const last = from === '+inf' ? Number.POSITIVE_INFINITY : Number(from);
    const places = ids
      .flatMap((jobId, i) =>
        [scores, ...standing].some((found) => found[i] === null)
          ? []
          : [{ tenant, jobId, score: Number(scores[i]) }],
      )
      .filter(({ score }) => score >= Number(to) && score <= last)
      .filter(({ score, jobId }) => behind === '' || score < last || jobId < behind)
      .sort(newestFirst);
    return { places, next: undefined };
  }
}

/** From the newest score, behind a name of it, to the oldest. */
type Span = { from: string; behind: string; to: string };

function spanOf(
  { since = 0, before = Number.POSITIVE_INFINITY }: ListFilter,
  behind: Standing | undefined,
): Span {
  const { score, jobId } = behind ?? { score: Number.POSITIVE_INFINITY, jobId: '' };
  // Whole milliseconds: before one is up to the one that precedes it.
  const from = Math.min(score, before - 1);
  const isPlace = from === score && from !== Number.POSITIVE_INFINITY;
  return {
    from: from === Number.POSITIVE_INFINITY ? '+inf' : String(from),
    behind: isPlace ? jobId : '',
    to: String(since),
  };
}

/** What several walks found, as far as all of them have come. */
function merge(found: Found[]): Found {
  const next = found.flatMap(({ next: place }) => place ?? []).sort(newestFirst)[0];
  const byId = new Map(found.flatMap(({ places }) => places).map((place) => [place.jobId, place]));
  const places = [...byId.values()].sort(newestFirst);
  return { places: places.filter((place) => !next || newestFirst(place, next) <= 0), next };
}

/** No more of those of many tenants than of one: each place costs the reading of a record. */
function firstOf({ places, next }: Found): Found {
  return places.length > MOST ? { places: places.slice(0, MOST), next: places[MOST - 1] } : { places, next };
}

function newestFirst(a: Standing, b: Standing): number {
  return b.score - a.score || (a.jobId < b.jobId ? 1 : a.jobId > b.jobId ? -1 : 0);
}
