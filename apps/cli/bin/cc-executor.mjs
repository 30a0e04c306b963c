#!/usr/bin/env node
/** The `cc-executor` command. Any Node from 20 on may start it; the pinned one runs it. */
import { fileURLToPath } from 'node:url';
import { launch } from '../../../tools/runtime/launch.mjs';

await launch(fileURLToPath(new URL('../src/main.ts', import.meta.url)), process.argv.slice(2));
