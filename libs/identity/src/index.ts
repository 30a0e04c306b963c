/** Who asks: identities, and the keys that prove them. */
export { createFailedLogins, type FailedLogins } from './failed-logins.ts';
export {
  anybody,
  type Identity,
  includesScope,
  type Scope,
  type Standing,
  tenantSchema,
} from './identity.ts';
export { createJwtCheck, IssuerUnavailableError } from './jwt.ts';
export { makeKey, revokeKey, rotateKey } from './key.ts';
export { editKeyFile, type Key, type KeyFile, KeyFileError, readKeyFile } from './key-file.ts';
export { type Keyring, openKeyring } from './keyring.ts';
export {
  keyLimitsSchema,
  type Limits,
  limitNames,
  limitsSchema,
  type QuotaName,
  type Terms,
} from './limits.ts';
