/**
 * The way to a source: straight to its addresses, which are judged once and then the only ones, or through the proxy that
 * the operator has named, which resolves names itself and is the one to judge them.
 */
import { isIP } from 'node:net';
import { namedHosts } from '@cc-executor/claude-options/sources';
import { createLookup } from '@cc-executor/runtime/lookup';
import { createTargetRules, hostOf } from '@cc-executor/runtime/targets';
import type { Environment } from '../cli-environment.ts';
import { SourceFault } from './fault.ts';

const LOOKUP_MS = 5_000;

export type Way = {
  /** Undefined: through the proxy. */
  readonly addresses?: readonly string[];
  /** Variables that name the proxy, in the spelling that Git and Node both read; none: there is none. */
  readonly proxy: Readonly<Record<string, string>>;
};

/** @param sources as the operator allows them. Errors: `source_unreachable` */
export async function findWay(
  target: URL,
  sources: readonly string[],
  environment: Environment,
): Promise<Way> {
  const rules = createTargetRules(namedHosts(sources));
  const host = hostOf(target);
  const proxy = proxyOf(target, environment);
  if (proxy !== undefined && isIP(host) === 0) return { proxy };
  const lookup = createLookup({ isOwn: rules.isNamed, timeoutMs: LOOKUP_MS });
  const found = isIP(host) === 0 ? await lookup(host).catch(unresolved) : [host];
  const addresses = rules.permitted(target, found);
  if (addresses.length === 0) {
    throw new SourceFault(
      'source_unreachable',
      `${host} has no public address, and is not named in CLAUDE_SOURCES`,
    );
  }
  return proxy === undefined ? { addresses, proxy: {} } : { proxy };

  function unresolved({ code, message }: NodeJS.ErrnoException): never {
    throw new SourceFault('source_unreachable', `${host} cannot be resolved: ${code ?? message}`);
  }
}

function proxyOf(target: URL, environment: Environment): Record<string, string> | undefined {
  const name = target.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const proxy = environment[name] || environment[name.toUpperCase()];
  if (!proxy) return undefined;
  const without = environment.no_proxy || environment.NO_PROXY || '';
  const host = hostOf(target);
  const isExempt = without
    .split(',')
    .map((rule) => rule.trim().replace(/^\*?\./, ''))
    .some((rule) => rule === '*' || (rule !== '' && (host === rule || host.endsWith(`.${rule}`))));
  return isExempt ? undefined : { [name]: proxy };
}
