/** Writes the scripts of our pages where a dashboard looks for them first: run while an image is built. */
import { mkdir, writeFile } from 'node:fs/promises';
import { bundlePages } from './bundle.ts';
import { BUNDLED } from './page-files.ts';

await mkdir(BUNDLED, { recursive: true });
for (const [file, code] of await bundlePages()) await writeFile(new URL(file, BUNDLED), code);
