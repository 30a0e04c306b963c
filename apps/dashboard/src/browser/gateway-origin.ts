/** The gateway's address as seen from here: a name that only its own network knows is taken for this page's. */
export function gatewayOrigin(): string {
  const url = new URL(document.documentElement.dataset.gateway ?? location.origin);
  const isFarther = url.hostname.includes('.') && !/^127\./.test(url.hostname);
  if (!isFarther) url.hostname = location.hostname;
  return url.origin;
}
