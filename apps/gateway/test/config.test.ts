import { ConfigError, isLoopback } from '@cc-executor/runtime';
import { afterEach, expect, test, vi } from 'vitest';
import { loadGatewayConfig } from '../src/config.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('an address that others can reach needs AUTH_MODE: nobody opens Claude Code to a network by accident', () => {
  vi.stubEnv('GATEWAY_HOST', '0.0.0.0');
  expect(loadGatewayConfig).toThrow(ConfigError);
  expect(loadGatewayConfig).toThrow(/AUTH_MODE/);
  vi.stubEnv('AUTH_MODE', 'none');
  expect(loadGatewayConfig()).toMatchObject({ host: '0.0.0.0', authMode: 'none' });
});

test('a gateway that asks for keys may be reached by others, and needs the file of them', () => {
  vi.stubEnv('GATEWAY_HOST', '0.0.0.0');
  vi.stubEnv('PUBLISHED_ADDRESS', '0.0.0.0');
  vi.stubEnv('AUTH_MODE', 'keys');
  expect(loadGatewayConfig).toThrow(/AUTH_KEYS_FILE/);
  vi.stubEnv('AUTH_KEYS_FILE', 'keys.json');
  expect(loadGatewayConfig()).toMatchObject({ authMode: 'keys', keysFile: 'keys.json' });
});

test('a gateway that takes the tokens of an issuer needs to know it, and takes no shared secrets', () => {
  vi.stubEnv('AUTH_MODE', 'jwt');
  vi.stubEnv('AUTH_JWT_ISSUER', 'https://issuer.example');
  expect(loadGatewayConfig).toThrow(/AUTH_JWT_JWKS\n.*AUTH_JWT_AUDIENCE/);
  vi.stubEnv('AUTH_JWT_JWKS', 'jwks.json');
  vi.stubEnv('AUTH_JWT_AUDIENCE', 'jobs');
  vi.stubEnv('AUTH_JWT_ALGORITHMS', 'ES256,HS256');
  expect(loadGatewayConfig).toThrow(/has HS256/);
  vi.stubEnv('AUTH_JWT_ALGORITHMS', 'ES256');
  expect(loadGatewayConfig()).toMatchObject({ authMode: 'jwt', jwtAlgorithms: ['ES256'] });
  for (const own of ['https://issuer.example/jwks', 'http://127.0.0.1:9/jwks', 'http://localhost/jwks']) {
    vi.stubEnv('AUTH_JWT_JWKS', own);
    expect(loadGatewayConfig().jwks).toBe(own);
  }
  for (const open of ['http://issuer.example/jwks', 'HTTP://issuer/jwks', 'http://127.0.0.1.example/jwks']) {
    vi.stubEnv('AUTH_JWT_JWKS', open);
    expect(loadGatewayConfig).toThrow(/AUTH_JWT_JWKS is http/);
  }
});

test('a Redis Cluster cannot be asked for a replica: DURABILITY=replicated is refused with it', () => {
  vi.stubEnv('DURABILITY', 'replicated');
  expect(loadGatewayConfig()).toMatchObject({ durability: 'replicated' });
  vi.stubEnv('REDIS_URL', 'redis+cluster://a,b');
  expect(loadGatewayConfig).toThrow(/DURABILITY=replicated is not for a Redis Cluster/);
});

test('a port that is published for others needs a second word: in a container AUTH_MODE=none is said for everybody', () => {
  vi.stubEnv('GATEWAY_HOST', '0.0.0.0');
  vi.stubEnv('AUTH_MODE', 'none');
  for (const address of ['127.0.0.1', '[::1]', '::1', '127.1.2.3']) {
    vi.stubEnv('PUBLISHED_ADDRESS', address);
    expect(loadGatewayConfig().publishedAddress).toBe(address);
  }
  for (const address of ['0.0.0.0', '[::]', '192.168.1.5', 'gateway.example.com']) {
    vi.stubEnv('PUBLISHED_ADDRESS', address);
    vi.stubEnv('ALLOW_UNAUTHENTICATED', 'no');
    expect(loadGatewayConfig).toThrow(ConfigError);
    expect(loadGatewayConfig).toThrow(/BIND_ADDRESS=127\.0\.0\.1.*ALLOW_UNAUTHENTICATED=yes/);
    vi.stubEnv('ALLOW_UNAUTHENTICATED', 'yes');
    expect(loadGatewayConfig()).toMatchObject({ allowUnauthenticated: true });
  }
});

test('without any variable it listens on loopback', () => {
  expect(loadGatewayConfig()).toMatchObject({ host: '127.0.0.1', port: 8003, allowedOrigins: [] });
});

test.each([
  ['localhost', true],
  ['127.0.0.1', true],
  ['127.255.0.9', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['10.0.0.1', false],
  ['127.0.0.1.example.com', false],
])('%s is on loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected);
});
