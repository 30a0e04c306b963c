/** Keeps credentials out of what people read: URLs, log fields and error texts. */

/**
 * Hides `user:password` of every URL in a text, and secrets given as query parameters.
 * It hides up to the last `@` of a word, so that a badly escaped password does not show either.
 */
export function redactUrl(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/]\S*@/gi, '$1***@')
    .replace(/([?&]\w*(?:password|token|secret|api_?key)=)[^\s&#]+/gi, '$1***');
}
