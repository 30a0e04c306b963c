/** Cuts texts to a length in bytes of UTF-8, never inside a character. Pure. */

const encoder = new TextEncoder();

/** The longest beginning of a text that has no more bytes. */
export function cutText(text: string, maxBytes: number): string {
  const { read } = encoder.encodeInto(text, new Uint8Array(Math.min(maxBytes, 3 * text.length)));
  return text.slice(0, read);
}

/** The text in pieces, each as long as it may be. A piece has a character at least: `maxBytes` is 4 or more. */
export function pagesOf(text: string, maxBytes: number): string[] {
  const bytes = Buffer.from(text);
  const pages: string[] = [];
  for (let from = 0; from < bytes.length; ) {
    let to = Math.min(from + maxBytes, bytes.length);
    while (to < bytes.length && isInsideCharacter(bytes[to])) to -= 1;
    pages.push(bytes.toString('utf8', from, to));
    from = to;
  }
  return pages;
}

function isInsideCharacter(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
