/** Values nobody can guess: what comes back was really sent through, and not made up on the way. */
import { randomBytes } from 'node:crypto';

/** So many random bytes as lower-case hexadecimal digits. */
export function nonce(bytes = 8): string {
  return randomBytes(bytes).toString('hex');
}
