/** What a library's package.json says about its package. */
import { basename } from 'node:path';

export type Manifest = {
  /** Sources by the name of what is made of them. */
  entries: Record<string, string>;
  /** Packages that whoever installs the library has, too. */
  peers: string[];
};

export function readManifest(manifest: {
  exports: Record<string, string>;
  peerDependencies?: Record<string, string>;
}): Manifest {
  const files = Object.values(manifest.exports);
  return {
    entries: Object.fromEntries(files.map((file) => [basename(file, '.ts'), file])),
    peers: Object.keys(manifest.peerDependencies ?? {}),
  };
}
