/** The settings of how clients prove who they are. */
import { jwtAlgorithms } from '@cc-executor/identity/jwt-algorithms';
import {
  type authSettings,
  type Config,
  keysSettings,
  listOf,
  namesLoopback,
  setting,
  text,
} from '@cc-executor/runtime';

export const identitySettings = {
  ...keysSettings,
  jwks: setting({
    env: 'AUTH_JWT_JWKS',
    schema: text().optional(),
    example: 'https://issuer.example/.well-known/jwks.json',
    description:
      "With AUTH_MODE=jwt: the issuer's keys (JWKS), an address or a file. Read again when they change.",
  }),
  jwtIssuer: setting({
    env: 'AUTH_JWT_ISSUER',
    schema: text().optional(),
    example: 'https://issuer.example',
    description: 'With AUTH_MODE=jwt: what `iss` of a token must be.',
  }),
  jwtAudience: setting({
    env: 'AUTH_JWT_AUDIENCE',
    schema: text().optional(),
    example: 'cc-executor',
    description: 'With AUTH_MODE=jwt: what `aud` of a token must be, or hold.',
  }),
  jwtAlgorithms: setting({
    env: 'AUTH_JWT_ALGORITHMS',
    schema: listOf(),
    default: ['RS256', 'ES256', 'EdDSA'],
    description: `With AUTH_MODE=jwt: how a token may be signed, some of ${jwtAlgorithms.join(', ')}.`,
  }),
  jwtTenantClaim: setting({
    env: 'AUTH_JWT_TENANT_CLAIM',
    schema: text(),
    default: 'tenant',
    description: 'With AUTH_MODE=jwt: the claim that names the tenant.',
  }),
  jwtScopeClaim: setting({
    env: 'AUTH_JWT_SCOPE_CLAIM',
    schema: text(),
    default: 'scope',
    description:
      'With AUTH_MODE=jwt: the claim that names the scopes, with blanks between them or as a list.',
  }),
  jwtLimitsClaim: setting({
    env: 'AUTH_JWT_LIMITS_CLAIM',
    schema: text(),
    default: 'limits',
    description:
      'With AUTH_MODE=jwt: the claim that has the limits of the tenant, an object of those that docs/identity.md lists. Without it those of QUOTA_… hold.',
  }),
};

export type IdentityConfig = Config<typeof identitySettings> & Pick<Config<typeof authSettings>, 'authMode'>;

/** Says what the mode needs and has not got. */
export function findIdentityFaults({ authMode, ...config }: Partial<IdentityConfig>): string[] {
  if (authMode === 'keys' && config.keysFile === undefined) {
    return ['AUTH_MODE=keys needs AUTH_KEYS_FILE; `cc-executor keys make` makes the first key, and the file'];
  }
  if (authMode !== 'jwt') return [];
  const { jwks, jwtIssuer, jwtAudience } = config;
  const needed = { AUTH_JWT_JWKS: jwks, AUTH_JWT_ISSUER: jwtIssuer, AUTH_JWT_AUDIENCE: jwtAudience };
  const missing = Object.entries(needed).filter(([, value]) => value === undefined);
  const unknown = (config.jwtAlgorithms ?? []).filter((name) => !jwtAlgorithms.includes(name));
  return [
    ...(isOpenWay(jwks)
      ? ['AUTH_JWT_JWKS is http: who is on the way could put keys there; expected https, or a file']
      : []),
    ...missing.map(([name]) => `AUTH_MODE=jwt needs ${name}`),
    ...unknown.map((name) => `AUTH_JWT_ALGORITHMS has ${name}; expected some of ${jwtAlgorithms.join(', ')}`),
  ];
}

/** Whether others could answer in the place of who is asked. */
function isOpenWay(address: string | undefined): boolean {
  if (address === undefined || !URL.canParse(address)) return false;
  const { protocol, host } = new URL(address);
  return protocol === 'http:' && !namesLoopback(host);
}
