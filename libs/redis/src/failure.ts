/**
 * The two errors that callers of Redis meet, instead of what the driver throws, whose classes and words vary:
 * one that waiting or an operator cures, so that what may be repeated is repeated, and one that will be the same the
 * next time. Whether a write happened is unknown after either; every write of ours may be repeated.
 */

/** `away`: no answer, or not from here or now. The others last until somebody makes room, or brings a replica back. */
export type UnavailableReason = 'away' | 'memory_full' | 'disk_full' | 'no_replicas';

/** What is wrong, for people: logs, answers and notifications begin with it. */
const UNAVAILABLE_WORDS: Readonly<Record<UnavailableReason, string>> = {
  away: 'Redis cannot do it now',
  memory_full: 'Redis is full',
  disk_full: 'Redis cannot write: its disk is full',
  no_replicas: 'too few replicas follow Redis',
};

/** Redis cannot do it now. */
export class RedisUnavailableError extends Error {
  readonly code = 'redis_unavailable';
  readonly reason: UnavailableReason;

  constructor(reason: UnavailableReason, cause: unknown) {
    super(`${UNAVAILABLE_WORDS[reason]}: ${messageOf(cause)}`, { cause });
    this.name = 'RedisUnavailableError';
    this.reason = reason;
  }
}

/** Redis, or the code that asked it, refuses: waiting does not help. */
export class RedisFaultError extends Error {
  readonly code = 'redis_fault';
  /** The word with which Redis begins an error (WRONGTYPE, NOPERM, ERR …); undefined for a fault on this side. */
  readonly word: string | undefined;

  constructor(word: string | undefined, cause: unknown) {
    super(`Redis did not do it, and never will: ${messageOf(cause)}`, { cause });
    this.name = 'RedisFaultError';
    this.word = word;
  }
}

const CURABLE_WORDS: Readonly<Record<string, UnavailableReason>> = {
  READONLY: 'away',
  LOADING: 'away',
  MASTERDOWN: 'away',
  CLUSTERDOWN: 'away',
  TRYAGAIN: 'away',
  MOVED: 'away',
  ASK: 'away',
  BUSY: 'away',
  // The driver has sent the script and goes on with its digest, though a server that took no writes did not take it either.
  NOSCRIPT: 'away',
  NOREPLICAS: 'no_replicas',
  OOM: 'memory_full',
  MISCONF: 'disk_full',
};

/** The one error of this kind that Redis gives no word. */
const TOO_MANY_CLIENTS = 'ERR max number of clients';

/** Rejects with `RedisUnavailableError` or `RedisFaultError`. */
export async function tellErrorsApart<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw redisErrorOf(error);
  }
}

/** Which of the two an error of the driver, or of our use of it, is. */
export function redisErrorOf(error: unknown): RedisUnavailableError | RedisFaultError {
  if (error instanceof RedisUnavailableError || error instanceof RedisFaultError) return error;
  if (!(error instanceof Error) || isOfLanguage(error)) return new RedisFaultError(undefined, error);
  // Everything else that the driver throws by itself is about a connection.
  if (error.name !== 'ReplyError') return new RedisUnavailableError('away', error);
  if (error.message.startsWith(TOO_MANY_CLIENTS)) return new RedisUnavailableError('away', error);
  const word = error.message.split(' ', 1)[0] ?? '';
  const reason = CURABLE_WORDS[word];
  return reason === undefined ? new RedisFaultError(word, error) : new RedisUnavailableError(reason, error);
}

/** Waiting, or an operator, may cure it. */
export function isCurable(error: unknown): boolean {
  return error instanceof RedisUnavailableError;
}

/** The connection broke while a batch of commands was being answered: it may be up again at once. */
export function wasCutShort(error: unknown): boolean {
  return error instanceof RedisUnavailableError && (error.cause as Error).name === 'AbortError';
}

/** Redis has no memory left for it; what frees some, and what must be written whatever happens, it may take all the same. */
export function isFull(error: unknown): boolean {
  return error instanceof RedisUnavailableError && error.reason === 'memory_full';
}

/** For what is only tidied up while reading: passes over that Redis takes no writes now; throws all else. */
export function unlessItCanWrite(error: unknown): void {
  const told = redisErrorOf(error);
  if (!(told instanceof RedisUnavailableError) || told.reason === 'away') throw told;
}

/** Thrown by a mistake in code, not by the driver on purpose. */
function isOfLanguage(error: Error): boolean {
  return [TypeError, SyntaxError, RangeError, ReferenceError].some((kind) => error instanceof kind);
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
