/**
 * Preloaded by tests (`node --import`) into a program of ours that starts others: it and they are run from their bundles,
 * where there are any. `?folder=` names the folder of bundles.
 */
import { existsSync } from 'node:fs';
import Module, { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url).href;
const bundles = new URL(new URL(import.meta.url).searchParams.get('folder'), ROOT);

Module.enableCompileCache(fileURLToPath(new URL('compiled', bundles)));

registerHooks({
  resolve(specifier, context, nextResolve) {
    const resolved = nextResolve(specifier, context);
    const from = context.parentURL ?? bundles.href;
    // Sources stay among themselves.
    if (!from.startsWith(bundles.href) || !resolved.url.startsWith(ROOT)) return resolved;
    const bundle = new URL(resolved.url.slice(ROOT.length).replace(/\.ts$/, '.mjs'), bundles);
    return existsSync(bundle) ? { ...resolved, url: bundle.href, format: 'module' } : resolved;
  },
});
