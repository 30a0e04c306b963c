/**
 * Signs what gateways leave in Redis for each other (HMAC-SHA256), by a key derived of what only they and workers know. There may be several
 * while they are changed: the first signs, each is known.
 */
import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

export type Signer = {
  /** @param place where the text stands: elsewhere it is not good */
  sign(place: string, text: string): string;
  /** The text; undefined when nobody of us has signed it, or for another place. */
  open(place: string, signed: string): string | undefined;
};

const MAC_LENGTH = 43;

/** @param secrets at least one; any texts */
export function createSigner(secrets: readonly string[]): Signer {
  const keys = secrets.map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', 'cc-executor signatures of gateways', 32)),
  );
  const [first] = keys;
  if (first === undefined) throw new Error('a signer needs a secret');
  const mac = (key: Buffer, place: string, text: string) =>
    createHmac('sha256', key).update(`${place}\n${text}`).digest('base64url');
  return {
    sign: (place, text) => `${mac(first, place, text)}${text}`,
    open(place, signed) {
      const [shown, text] = [Buffer.from(signed.slice(0, MAC_LENGTH)), signed.slice(MAC_LENGTH)];
      const isOurs = keys.some((key) => {
        const own = Buffer.from(mac(key, place, text));
        return own.length === shown.length && timingSafeEqual(own, shown);
      });
      return isOurs ? text : undefined;
    },
  };
}
