/** Reads the Lua scripts. The first line of one may name files whose functions it uses: '-- include: turns, taking'. */
import { readFileSync } from 'node:fs';

/** A script: what it includes, then itself. */
export function scriptText(name: string): string {
  const own = read(name);
  const included = /^-- include: (.+)\n/.exec(own)?.[1]?.split(', ') ?? [];
  return [...included.map(read), own].join('\n');
}

function read(name: string): string {
  return readFileSync(new URL(`./scripts/${name}.lua`, import.meta.url), 'utf8');
}
