/** What counts as this machine. */

/** Whether only this machine can reach the address. One of version 6 may stand in brackets. */
export function isLoopback(host: string): boolean {
  return ['localhost', '::1', '[::1]'].includes(host) || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether the authority of a URL or a Host header (a name, with or without a port) names this machine. */
export function namesLoopback(authority: string | undefined): boolean {
  const url = `http://${authority}`;
  if (authority === undefined || !URL.canParse(url)) return false;
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}
