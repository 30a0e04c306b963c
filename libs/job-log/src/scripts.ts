/**
 * Loads the Lua scripts and registers them with a connection. Each file states its KEYS, ARGV and returns; its first line
 * may name files whose functions it uses: '-- include: shared, pausing'.
 */
import { readFileSync } from 'node:fs';
import type { RedisConnection } from '@cc-executor/redis';

const scripts = {
  schedule: 1,
  create: 2,
  begin: 1,
  append: 2,
  renew: 1,
  release: 1,
  cancel: 2,
  pause: 1,
  range: 2,
  claim: 1,
  settle: 2,
  prune: 2,
} as const;

export type ScriptName = keyof typeof scripts;
type Scripts = {
  [S in ScriptName]: (keys: string[], args: (string | number)[]) => Promise<(string | number)[]>;
};

/** Defines these scripts on this connection (EVALSHA first, EVAL when the server does not know one). */
export function defineScripts<S extends ScriptName>(redis: RedisConnection, ...names: S[]): Pick<Scripts, S> {
  const defined = {} as Pick<Scripts, S>;
  for (const name of names) {
    const command = `jobLog:${name}`;
    redis.defineCommand(command, { numberOfKeys: scripts[name], lua: scriptText(name) });
    // ioredis adds the command as a method that its types do not know.
    const call = (
      redis as unknown as Record<string, (...args: (string | number)[]) => Promise<(string | number)[]>>
    )[command];
    if (!call) throw new Error(`ioredis did not define ${command}`);
    defined[name] = (keys, args) => call.call(redis, ...keys, ...args);
  }
  return defined;
}

/** A script as Redis gets it: what it includes, then itself. */
export function scriptText(name: ScriptName): string {
  const own = read(name);
  const included = /^-- include: (.+)\n/.exec(own)?.[1]?.split(', ') ?? [];
  return [...included.map(read), own].join('\n');
}

function read(name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
}
