/**
 * Makes foreign text harmless to a terminal: what would steer it (colours, titles, the cursor, the clipboard, the order of
 * letters) is shown instead. Each character by itself, so that a sequence cut into pieces comes to nothing, too. Line ends
 * and tabs stay.
 */

/** C0 without tab and line end, DEL, C1, and what embeds, overrides or isolates a direction of writing. */
const STEERING = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Where Unicode has pictures of the characters from 0 to 31. */
const PICTURES = 0x2400;
const PICTURE_OF_DELETE = '\u2421';

/** The text with all that steers a terminal made visible. */
export function harmless(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(STEERING, show);
}

/** For a stream: bytes stay as they are unless it is a terminal. */
export function harmlessOn(stream: { isTTY?: boolean }, text: string): string {
  return stream.isTTY === true ? harmless(text) : text;
}

function show(character: string): string {
  const code = character.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(PICTURES + code);
  if (code === 0x7f) return PICTURE_OF_DELETE;
  return `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
}
