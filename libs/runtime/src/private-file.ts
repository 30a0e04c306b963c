/**
 * Files with secrets that an operator puts somewhere: nobody else may read them. Docker and Kubernetes hand secrets over as
 * files of root's, readable for the group of who is to have them.
 */
import { type Stats, statSync } from 'node:fs';

const OTHERS = 0o077;
const GROUP_MAY_READ = 0o040;

/** Why a file is not private, in words that name it; undefined: it is. Of Windows Node knows no modes. Throws what `stat` does. */
export function whyNotPrivate(path: string): string | undefined {
  const self = process.getuid?.();
  if (self === undefined || isPrivate(statSync(path), self)) return undefined;
  return `can be read or written by others: chmod 600 ${path}`;
}

/** @param self the user id that asks */
export function isPrivate({ mode, uid }: Pick<Stats, 'mode' | 'uid'>, self: number): boolean {
  const isHandedOver = uid === 0 && self !== 0;
  return (mode & OTHERS & ~(isHandedOver ? GROUP_MAY_READ : 0)) === 0;
}
