/** The check of tokens that the settings ask for. */
import { createJwtCheck, type Keyring } from '@cc-executor/identity';
import type { TokenCheck } from './authenticator.ts';
import type { IdentityConfig } from './settings.ts';

/** Undefined: nobody is asked. The settings have been found to be whole. */
export function tokenCheckOf(config: IdentityConfig, keyring: Keyring | undefined): TokenCheck | undefined {
  const { authMode, jwks = '', jwtIssuer: issuer = '', jwtAudience: audience = '' } = config;
  if (authMode !== 'jwt') return keyring;
  const { jwtAlgorithms: algorithms } = config;
  const { jwtTenantClaim: tenantClaim, jwtScopeClaim: scopeClaim, jwtLimitsClaim: limitsClaim } = config;
  return createJwtCheck({ jwks, issuer, audience, algorithms, tenantClaim, scopeClaim, limitsClaim });
}
