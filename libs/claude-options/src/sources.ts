/**
 * What a job may begin from, as addresses. An address says the same to everybody who reads it: it has no login, no
 * fragment, and no other spelling of a slash or a dot, by which it could lie elsewhere than its beginning says. Pure.
 */

/** A path without empty names, `.` and `..`; a query is an archive's. No flag: it is published as JSON Schema, too. */
export const SOURCE_ADDRESS =
  /^https?:\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\/(?!\.{0,2}(?:[/?]|$))(?:[\w.~!$&'()*+,;=:@-]|%(?!2[EFef]|5[Cc]|00)[0-9A-Fa-f]{2})+)+\/?(?:\?[\x21\x22\x24-\x7e]*)?$/;
export const SOURCE_ADDRESS_RULE =
  'must be an address (https) with a path, without a login, a fragment, an encoded / or . and empty names';

const RULE =
  /^https?:\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\/[^\s?#]*)?$/;
const ANY_HOST = 'https://*';

/** Whether a text is `https://*`, or an address at or below which things may lie; http stands for itself only. */
export function isSourceRule(text: string): boolean {
  return text === ANY_HOST || (RULE.test(text) && URL.canParse(text));
}

export function isSourceAllowed(address: string, rules: readonly string[]): boolean {
  if (!SOURCE_ADDRESS.test(address) || !URL.canParse(address)) return false;
  const { protocol, host, pathname } = new URL(address);
  return rules.some((rule) => {
    if (rule === ANY_HOST) return protocol === 'https:';
    const allowed = new URL(rule);
    const path = allowed.pathname.replace(/\/$/, '');
    const isBelow = pathname === path || pathname.startsWith(`${path}/`);
    return protocol === allowed.protocol && host === allowed.host && isBelow;
  });
}

/** Hosts that the operator names: they may have any address. */
export function namedHosts(rules: readonly string[]): string[] {
  return rules
    .filter((rule) => rule !== ANY_HOST)
    .map((rule) => new URL(rule).hostname.replace(/^\[|\]$/g, ''));
}
