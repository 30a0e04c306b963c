/** What counts as this machine. */

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether a Host header names this machine, with any port. */
export function namesLoopback(hostHeader: string | undefined): boolean {
  const url = `http://${hostHeader}`;
  if (hostHeader === undefined || !URL.canParse(url)) return false;
  return isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ''));
}
