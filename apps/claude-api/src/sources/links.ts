/**
 * Links within what has come: none leads out of its folder. A target is some steps up and then down, so that it can be told
 * without following it: steps up come from a folder that is no link, and what lies on the way down was judged alike.
 */
import { type FileHandle, readlink } from 'node:fs/promises';
import { beneath, openFolder } from '../workspaces/beneath.ts';
import { walk } from '../workspaces/walk.ts';
import { asSourceFault, SourceFault } from './fault.ts';

/** @param maxNames of one folder. Errors: `source_invalid`, `source_too_large` for a folder that lies too deep */
export async function refuseLinksOut(root: string, maxNames: number): Promise<void> {
  const opened = await openFolder(root, []);
  try {
    for await (const { kind, path, name, folder } of walk(opened, {
      isDeep: true,
      maxNames,
      without: '.git',
    })) {
      if (kind === 'link') await judge(path, name, folder);
      else if (kind === 'other')
        throw new SourceFault('source_invalid', `${path} is a device, a fifo or a socket`);
    }
  } catch (error) {
    throw asSourceFault(error);
  } finally {
    await opened.close();
  }
}

async function judge(path: string, name: string, folder: FileHandle): Promise<void> {
  const target = await readlink(beneath(folder, name));
  const steps = target.split('/').filter((step) => step !== '' && step !== '.');
  const up = steps.findIndex((step) => step !== '..');
  const stepsUp = up === -1 ? steps.length : up;
  const depth = path.split('/').length - 1;
  if (!target.startsWith('/') && stepsUp <= depth && !steps.slice(stepsUp).includes('..')) return;
  throw new SourceFault(
    'source_invalid',
    `The link ${path} leads out of the workspace, or could: ${target.slice(0, 200)}`,
  );
}
