/** Writes the script of our pages where a dashboard looks for it first: run while an image is built. */
import { mkdir, writeFile } from 'node:fs/promises';
import { bundlePages } from './bundle.ts';
import { BUNDLED } from './page-files.ts';

await mkdir(new URL('.', BUNDLED), { recursive: true });
await writeFile(BUNDLED, await bundlePages());
