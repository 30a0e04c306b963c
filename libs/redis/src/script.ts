/**
 * Lua scripts as commands of a connection. A full Redis refuses a script before its first write, unless the script says
 * at its very beginning that it may; servers before Redis 7, and the embedded one, do not take such a beginning, and get
 * the script without.
 */
import type { RedisConnection } from './connection.ts';
import { RedisFaultError, redisErrorOf } from './failure.ts';

export type ScriptCall<R = string | number> = (
  keys: string[],
  args: (string | number | Buffer)[],
) => Promise<R[]>;

export type Script = {
  /** Of the command, unique on the connection. */
  name: string;
  /** Undefined: as many as each call has. */
  numberOfKeys?: number | undefined;
  lua: string;
  /** It is run also when Redis is full: it frees memory, or is what must be written then. */
  whenFull?: boolean;
};

const WHEN_FULL = '#!lua flags=allow-oom\n';
/** Without a write of its own, so that no state of Redis but its version stands in the way. */
const PROBE = '#!lua flags=no-writes\nreturn 1';

/** Whether the server behind a connection takes flags; asked once, and again when the connection has come back. */
const flagsTaken = new WeakMap<RedisConnection, Promise<boolean>>();

/** Told how long an answer took, in seconds. */
type ScriptObserver = (script: string) => (seconds: number) => void;

const observers = new WeakMap<RedisConnection, ScriptObserver>();

/** Scripts that are defined on this connection from now on are measured. */
export function observeScripts(redis: RedisConnection, observer: ScriptObserver): void {
  observers.set(redis, observer);
}

/** What Redis gets of a script where it takes flags. */
export function scriptSource({ lua, whenFull = false }: Pick<Script, 'lua' | 'whenFull'>): string {
  return whenFull ? `${WHEN_FULL}${lua}` : lua;
}

/** Defines a script on a connection (EVALSHA first, EVAL when the server does not know it). */
export function defineScript(redis: RedisConnection, script: Script): ScriptCall {
  const plain = define<string | number>(redis, script.name, script);
  if (!script.whenFull) return plain;
  const flagged = define<string | number>(redis, `${script.name}:whenFull`, {
    ...script,
    lua: scriptSource(script),
  });
  return async (keys, args) => {
    const call = (await takesFlags(redis)) ? flagged : plain;
    return call(keys, args);
  };
}

/** The same for a script that only reads: texts in its reply are given as the bytes that they are. */
export function defineByteScript(
  redis: RedisConnection,
  script: Omit<Script, 'whenFull'>,
): ScriptCall<Buffer | number> {
  return define(redis, script.name, script, 'Buffer');
}

function define<R>(
  redis: RedisConnection,
  command: string,
  { name, numberOfKeys, lua }: Script,
  suffix: '' | 'Buffer' = '',
): ScriptCall<R> {
  redis.defineCommand(command, { ...(numberOfKeys !== undefined && { numberOfKeys }), lua });
  // ioredis adds the command as methods that its types do not know.
  const methods = redis as unknown as Record<string, (...args: (string | number | Buffer)[]) => Promise<R[]>>;
  const call = methods[`${command}${suffix}`];
  if (!call) throw new Error(`ioredis did not define ${command}`);
  const counted = (keys: string[]) => (numberOfKeys === undefined ? [keys.length, ...keys] : keys);
  const ask: ScriptCall<R> = (keys, args) => call.call(redis, ...counted(keys), ...args);
  const observe = observers.get(redis)?.(name);
  if (!observe) return ask;
  return async (keys, args) => {
    const askedAt = performance.now();
    const reply = await ask(keys, args);
    observe((performance.now() - askedAt) / 1_000);
    return reply;
  };
}

function takesFlags(redis: RedisConnection): Promise<boolean> {
  const known = flagsTaken.get(redis);
  if (known) return known;
  const asked = probe(redis);
  flagsTaken.set(redis, asked);
  const forget = () => flagsTaken.delete(redis);
  asked.catch(forget);
  redis.once('close', forget);
  return asked;
}

async function probe(redis: RedisConnection): Promise<boolean> {
  try {
    await redis.eval(PROBE, 0);
    return true;
  } catch (error) {
    const told = redisErrorOf(error);
    // To a server that does not know flags they are a mistake in the script.
    if (told instanceof RedisFaultError && told.word === 'ERR') return false;
    throw error;
  }
}
