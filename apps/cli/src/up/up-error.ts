/** Why `cc-executor up` cannot start or go on, in words for the person who called it. */
export class UpError extends Error {
  override readonly name = 'UpError';
}
