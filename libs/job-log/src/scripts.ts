/**
 * Loads the Lua scripts and registers them with a connection. Each file states its KEYS, ARGV and returns; its first line
 * may name files whose functions it uses: '-- include: shared, pausing'.
 */
import { readFileSync } from 'node:fs';
import { defineByteScript, defineScript, type RedisConnection, type ScriptCall } from '@cc-executor/redis';

/** How many keys each has; undefined: as many as it is called with. */
const scripts = {
  schedule: 2,
  scheduleWhenFull: 2,
  accept: undefined,
  announce: undefined,
  reserve: 1,
  create: 2,
  begin: 1,
  beginAtOnce: 2,
  append: undefined,
  appendWhenFull: undefined,
  renew: 1,
  release: 1,
  cancel: undefined,
  pause: 1,
  listened: undefined,
  range: 2,
  own: 1,
  claim: 2,
  reschedule: 4,
  free: 2,
  round: 2,
  settle: undefined,
  mark: 2,
  ended: undefined,
  find: undefined,
  prune: undefined,
  deliver: 1,
  redraw: 1,
  admit: 1,
  block: 2,
  tried: 2,
  places: 3,
  pay: undefined,
  output: 2,
  expire: 5,
  batchOpen: 1,
  batchNote: 3,
  batchChange: 1,
  batchCount: 3,
} as const;

export type ScriptName = keyof typeof scripts;

/** What ends jobs, and what is wished of them, is written also in a full Redis; what makes jobs and output is not. */
const runWhenFull: ReadonlySet<ScriptName> = new Set<ScriptName>([
  'scheduleWhenFull',
  'appendWhenFull',
  'renew',
  'release',
  'cancel',
  'pause',
  'claim',
  'settle',
  'reschedule',
  'mark',
  'ended',
  'free',
  'deliver',
  'round',
  'admit',
  'block',
  'tried',
  'places',
  'pay',
  'output',
  'expire',
  'batchChange',
  'batchCount',
]);

/** Scripts that have no file of their own. */
const files: Partial<Record<ScriptName, ScriptName>> = {
  scheduleWhenFull: 'schedule',
  appendWhenFull: 'append',
  beginAtOnce: 'begin',
};

/** Defines these scripts on this connection. */
export function defineScripts<S extends ScriptName>(
  redis: RedisConnection,
  ...names: S[]
): Record<S, ScriptCall> {
  const defined = {} as Record<S, ScriptCall>;
  for (const name of names) {
    defined[name] = defineScript(redis, {
      name: `jobLog:${name}`,
      numberOfKeys: scripts[name],
      lua: scriptText(name),
      whenFull: runsWhenFull(name),
    });
  }
  return defined;
}

/** Defines `range`, whose reply is bytes: most of it goes on as it is. */
export function defineRange(redis: RedisConnection): ScriptCall<Buffer | number> {
  return defineByteScript(redis, {
    name: 'jobLog:range',
    numberOfKeys: scripts.range,
    lua: scriptText('range'),
  });
}

/** Whether Redis is to run a script also when it is full. */
export function runsWhenFull(name: ScriptName): boolean {
  return runWhenFull.has(name);
}

/** A script without its flags: what it includes, then itself. */
export function scriptText(name: ScriptName): string {
  const own = read(files[name] ?? name);
  const included = /^-- include: (.+)\n/.exec(own)?.[1]?.split(', ') ?? [];
  return [...included.map(read), own].join('\n');
}

/** Each is read once: many scripts include the same, and a process may have many connections. */
const texts = new Map<string, string>();

function read(name: string): string {
  const known = texts.get(name);
  if (known !== undefined) return known;
  const text = readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
  texts.set(name, text);
  return text;
}
