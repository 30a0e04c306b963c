#!/usr/bin/env node
/** The `cc-executor` command as it is packed for others: what is compiled is kept where Node keeps it, with Node 20 nowhere. */
import Module from 'node:module';

Module.enableCompileCache?.();
const { runProgram } = await import('./program.ts');
await runProgram(process.argv.slice(2));
