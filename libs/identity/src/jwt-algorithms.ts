/** How tokens of somebody else may be signed. Apart, for who declares settings verifies nothing. */

/** Those of which only the issuer has the secret half. */
export const jwtAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
];
