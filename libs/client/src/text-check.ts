/** Whether a text is what a digest says. Hashed beside the event loop, so that no stream waits for it. */
import type { Digest } from '@cc-executor/protocol/plain';

/** Undefined where there is no WebCrypto: in browsers, on pages that came over plain http. */
export async function fitsDigest(text: string, { bytes, sha256 }: Digest): Promise<boolean | undefined> {
  const encoded = new TextEncoder().encode(text);
  if (encoded.length !== bytes) return false;
  if (globalThis.crypto?.subtle === undefined) return undefined;
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', encoded));
  const hex = [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex === sha256.toLowerCase();
}
