/**
 * Where requests may go whose target others choose: over https to any public address; to any other, and over plain http, only
 * where the operator says so. A name is judged by its addresses, and only the addresses that were judged are connected to.
 */
import { BlockList, isIP } from 'node:net';

/** Of IPv4 what the registry of special purposes (RFC 6890) holds, and multicast; of IPv6 what is not global unicast. */
const SPECIAL_V4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12'],
  ...['192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15'],
  ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
];
const GLOBAL_V6 = ['2000::/3'];
/** The third holds IPv4 addresses, private ones too. */
const SPECIAL_V6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

/** Made for the first address that is judged: a service whose settings have no targets starts without. */
let known: { special: BlockList; global6: BlockList } | undefined;

export type TargetRules = {
  /** What forbids this target already before its name is resolved, in words; undefined when nothing does. */
  findRefusal(target: URL): string | undefined;
  /** Whether the operator allows this very name, whatever address it has. */
  isNamed(host: string): boolean;
  /** Those of the target's addresses that may be connected to. */
  permitted(target: URL, addresses: readonly string[]): string[];
};

/** Whether a text is an address, a range such as `10.0.0.0/8`, or the name of a host. */
export function isTargetRule(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0) return bits === undefined && /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(address);
  if (bits === undefined) return true;
  return more.length === 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
}

export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** Whether a text is an address or a range. */
export function isAddressRule(text: string): boolean {
  return isTargetRule(text) && isAddress(text.split('/', 1)[0] ?? '');
}

/** Tells whether an address is among these, each a `isAddressRule`. */
export function createAddressList(rules: readonly string[]): (address: string) => boolean {
  const list = blockListOf(rules);
  return (address) => holds(list, address);
}

/** @param allowed what the operator allows besides, each a `isTargetRule` */
export function createTargetRules(allowed: readonly string[]): TargetRules {
  const ranges = blockListOf(allowed.filter(isAddressRule));
  const names = new Set(allowed.filter((rule) => !isAddressRule(rule)).map((name) => name.toLowerCase()));

  function permitted(target: URL, addresses: readonly string[]): string[] {
    if (names.has(hostOf(target))) return [...addresses];
    const isSecure = target.protocol === 'https:';
    return addresses.filter((address) => holds(ranges, address) || (isSecure && isPublic(address)));
  }

  return {
    isNamed: (host) => names.has(host),
    permitted,
    findRefusal(target) {
      const host = hostOf(target);
      if (isIP(host) !== 0)
        return permitted(target, [host]).length > 0 ? undefined : `${host} is not allowed`;
      const isHopeless = target.protocol !== 'https:' && allowed.length === 0;
      return isHopeless ? 'it has to be https' : undefined;
    },
  };
}

/** The host of a URL, as `isIP` and `lookup` take it. */
export function hostOf(target: URL): string {
  return target.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
}

function isPublic(address: string): boolean {
  known ??= { special: blockListOf([...SPECIAL_V4, ...SPECIAL_V6]), global6: blockListOf(GLOBAL_V6) };
  const { special, global6 } = known;
  return isIP(address) === 4 ? !holds(special, address) : holds(global6, address) && !holds(special, address);
}

function holds(list: BlockList, address: string): boolean {
  const family = isIP(address);
  return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

function blockListOf(rules: readonly string[]): BlockList {
  const list = new BlockList();
  for (const rule of rules) {
    const [address = '', bits] = rule.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    list.addSubnet(address, Number(bits ?? (family === 'ipv4' ? 32 : 128)), family);
  }
  return list;
}
