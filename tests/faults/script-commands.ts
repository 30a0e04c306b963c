/** Finds the calls of one of our Lua scripts among the commands that pass a proxy. */
import type { ReplyDrop, TestRedis } from '@cc-executor/testing';
import { runsWhenFull, type ScriptName, scriptText } from '../../libs/job-log/src/scripts.ts';
import { scriptSource } from '../../libs/redis/src/script.ts';

export type Script = Extract<
  ScriptName,
  'accept' | 'reserve' | 'begin' | 'append' | 'appendWhenFull' | 'renew' | 'cancel' | 'own' | 'range'
>;

/**
 * Loads a script into Redis, so that no call of it is answered NOSCRIPT, and returns a matcher of its calls that hold
 * all of the texts.
 */
export async function callsOf(
  { admin, kind }: TestRedis,
  script: Script,
  ...texts: string[]
): Promise<ReplyDrop['matches']> {
  const text = scriptSource({
    lua: scriptText(script),
    whenFull: kind === 'redis' && runsWhenFull(script),
  });
  const sha = String(await admin.script('LOAD', text));
  return (command) =>
    // A connection's first call of a script may hold all of it.
    (command.includes(sha) || command.includes(text)) && texts.every((text) => command.includes(text));
}

/** Matches each different command once: the same one, sent again, gets its reply. */
export function onceEach(matches: ReplyDrop['matches']): ReplyDrop['matches'] {
  const seen = new Set<string>();
  return (command) => {
    const said = command.toString('latin1');
    if (!matches(command) || seen.has(said)) return false;
    seen.add(said);
    return true;
  };
}
