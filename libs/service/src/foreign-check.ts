/**
 * Tells requests that a web page from elsewhere makes a browser send from those that are meant: any page can reach what
 * listens on this machine, or inside a network, and here a request may run Claude Code. Programs send neither Origin nor
 * Sec-Fetch-Site; a Host that is foreign is a name which somebody pointed here (DNS rebinding).
 */
import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';
import { namesLoopback } from '@cc-executor/runtime';

export type ForeignCheckOptions = {
  /**
   * Host names that are answered besides addresses, loopback, and names of one label (`claude-api`), which nobody
   * outside can own; * allows every name.
   */
  allowedHosts?: readonly string[];
  /** Origins of pages that may call, besides those on loopback and those served under an allowed name; * allows all. */
  allowedOrigins?: readonly string[];
};

/** Says why a request is refused; undefined when it is not. */
export type ForeignCheck = (headers: IncomingHttpHeaders, method?: string) => string | undefined;

export function createForeignCheck({
  allowedHosts = [],
  allowedOrigins = [],
}: ForeignCheckOptions = {}): ForeignCheck {
  const names = new Set(allowedHosts.map((name) => name.toLowerCase()));

  function isOwnHost(authority: string): boolean {
    if (names.has('*')) return true;
    const name = hostnameOf(`http://${authority}`);
    if (name === undefined) return false;
    return isIP(name) !== 0 || !name.includes('.') || name.endsWith('.localhost') || names.has(name);
  }

  function isOwnOrigin(origin: string, host: string | undefined): boolean {
    if (allowedOrigins.includes('*') || allowedOrigins.includes(origin)) return true;
    if (!URL.canParse(origin)) return false;
    const { host: authority } = new URL(origin);
    return namesLoopback(authority) || authority === host?.toLowerCase();
  }

  return ({ host, origin, ...headers }, method = 'GET') => {
    // Without one it is HTTP 1.0, which browsers do not speak.
    if (host !== undefined && !isOwnHost(host)) {
      return `the Host header does not name this service: got ${JSON.stringify(host)}; ALLOWED_HOSTS adds names`;
    }
    if (origin !== undefined) {
      return isOwnOrigin(origin, host)
        ? undefined
        : `pages of ${JSON.stringify(origin)} may not call this service`;
    }
    if (headers['sec-fetch-site'] !== 'cross-site' || allowedOrigins.includes('*')) return undefined;
    // A link that a person follows: the page that holds it reads nothing.
    const isVisit = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
    return isVisit && method === 'GET' ? undefined : 'pages of other sites may not call this service';
  };
}

/** Without a port, brackets, or the dot at the end of a full name. */
function hostnameOf(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[|\]$|\.$/g, '') || undefined;
}
