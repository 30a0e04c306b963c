/**
 * What webhooks of a tenant are signed with: derived of the operator's secrets, so that nothing secret is kept for a tenant, and no tenant,
 * nor whoever it sends webhooks to, can tell what another's are.
 */
import { hkdfSync } from 'node:crypto';
import { bytesOfSecret, secretOfBytes } from './signature.ts';

const BYTES = 32;

/**
 * Secrets as receivers take them, one for each of the operator's.
 *
 * @param operators each an `isWebhookSecret`
 * @param drawnAt when the tenant last asked for another one, which makes it another: Unix ms, 0 for the first
 */
export function tenantSecrets(operators: readonly string[], tenant: string, drawnAt: number): string[] {
  return operators.map((secret) => {
    const purpose = `cc-executor webhooks of ${tenant} since ${drawnAt}`;
    return secretOfBytes(Buffer.from(hkdfSync('sha256', bytesOfSecret(secret), '', purpose, BYTES)));
  });
}
