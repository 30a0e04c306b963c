/** What counts as this machine. */

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether the authority of a URL or a Host header (a name, with or without a port) names this machine. */
export function namesLoopback(authority: string | undefined): boolean {
  const url = `http://${authority}`;
  if (authority === undefined || !URL.canParse(url)) return false;
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}
