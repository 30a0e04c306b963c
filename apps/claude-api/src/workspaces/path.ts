/** Paths within a workspace: names joined by slashes, none of which leads elsewhere. */
import { FileFault } from './fault.ts';

const MAX_PATH_BYTES = 4_096;
const MAX_NAME_BYTES = 255;
/** As deep as folders are walked, too: each takes a file descriptor while it is. */
export const MAX_DEPTH = 64;

/** Its names; none for the workspace itself, which is the empty path. Errors: `path_invalid`. */
export function parsePath(path: string): string[] {
  if (path === '') return [];
  const names = path.split('/');
  const fault = findFault(path, names);
  if (fault !== undefined) throw new FileFault('path_invalid', `The path ${fault}`);
  return names;
}

function findFault(path: string, names: readonly string[]): string | undefined {
  if (path.startsWith('/')) return 'is absolute; it begins in the workspace, without a slash';
  if (path.includes('\0')) return 'holds a NUL';
  if (path.includes('\\')) return 'holds a backslash; names are separated by /';
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return `is longer than ${MAX_PATH_BYTES} bytes`;
  if (names.length > MAX_DEPTH) return `is more than ${MAX_DEPTH} folders deep`;
  if (names.some((name) => name === '..' || name === '.')) return 'holds . or .., which lead nowhere here';
  if (names.includes('')) return 'holds an empty name';
  if (names.some((name) => Buffer.byteLength(name) > MAX_NAME_BYTES))
    return `holds a name of more than ${MAX_NAME_BYTES} bytes`;
  return undefined;
}
