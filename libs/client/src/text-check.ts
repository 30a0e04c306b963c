/** Whether a text is what a digest says. Hashed beside the event loop, so that no stream waits for it. */
import type { Digest } from '@cc-executor/protocol/plain';
import { toHex } from './bytes.ts';

/** Undefined where there is no WebCrypto: in browsers, on pages that came over plain http. */
export async function fitsDigest(text: string, { bytes, sha256 }: Digest): Promise<boolean | undefined> {
  const encoded = new TextEncoder().encode(text);
  if (encoded.length !== bytes) return false;
  if (globalThis.crypto?.subtle === undefined) return undefined;
  const hash = await crypto.subtle.digest('SHA-256', encoded);
  return toHex(new Uint8Array(hash)) === sha256.toLowerCase();
}
