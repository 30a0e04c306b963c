/**
 * Imported before anything else (`node --import`), it keeps what Node compiles in this checkout's cache: a process that
 * starts again does so with half the work. Not by NODE_COMPILE_CACHE, which everything that Claude Code runs would inherit.
 * `?folder=` names another folder, relative to the checkout.
 */
import Module from 'node:module';
import { fileURLToPath } from 'node:url';

const folder = new URL(import.meta.url).searchParams.get('folder') ?? '.cache/compile';

// Node 20 has none. One that cannot be written to is done without.
Module.enableCompileCache?.(fileURLToPath(new URL(`../../${folder}`, import.meta.url)));
