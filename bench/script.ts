/** What a benchmark asks of the scripted upstream; it stands in the prompt, so that it passes through any system. */

export type Script = {
  chunks: number;
  /** Characters of a chunk; its stamp takes 18 at least. */
  size: number;
  /** Chunks a second; 0: as fast as the reader takes them. */
  rate: number;
  /** Before the first chunk. */
  delayMs?: number;
};

const MARK = 'bench ';

/**
 * The prompt that makes the upstream do it.
 *
 * @param length of the prompt in characters, where it is to be longer than it has to
 */
export function promptFor(script: Script, length = 0): string {
  return `${MARK}${JSON.stringify(script)}`.padStart(length, 'x');
}

/** The script in a prompt. Throws when there is none. */
export function scriptIn(prompt: string): Script {
  const at = prompt.indexOf(MARK);
  if (at === -1) throw new Error('the prompt holds no script');
  return JSON.parse(prompt.slice(at + MARK.length)) as Script;
}
