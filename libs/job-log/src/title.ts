/** What a list shows of a prompt, and what it is searched by: its beginning, on one line. */
import { MAX_TITLE_LENGTH } from '@cc-executor/protocol';

/** Of a long prompt no more is looked at: blanks may stand at its beginning. */
const MAX_LOOKED_AT = 2_000;

/** The first 120 characters of a prompt (UTF-16 units; no half of a pair), blanks and line ends as one space. */
export function titleOf(prompt: string): string {
  const line = prompt.slice(0, MAX_LOOKED_AT).replace(/\s+/g, ' ').trim();
  return line
    .slice(0, MAX_TITLE_LENGTH)
    .replace(/[\ud800-\udbff]$/, '')
    .trimEnd();
}

/** As texts are compared: without the difference of upper and lower case, and of how a letter is written. */
export function foldText(text: string): string {
  return text.normalize('NFC').toLowerCase().replace(/\s+/g, ' ');
}
