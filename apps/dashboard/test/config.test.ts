import { ConfigError } from '@cc-executor/runtime';
import { expect, test } from 'vitest';
import { loadDashboardConfig } from '../src/config.ts';

test('the defaults listen on loopback', () => {
  expect(loadDashboardConfig({})).toMatchObject({ host: '127.0.0.1', port: 8004 });
});

test('an address that others can reach needs AUTH_MODE to be said', () => {
  expect(() => loadDashboardConfig({ DASHBOARD_HOST: '0.0.0.0' })).toThrow(ConfigError);
  expect(() => loadDashboardConfig({ DASHBOARD_HOST: '0.0.0.0' })).toThrow(/AUTH_MODE=none/);
  const published = { DASHBOARD_HOST: '0.0.0.0', AUTH_MODE: 'none', PUBLISHED_ADDRESS: '0.0.0.0' };
  expect(() => loadDashboardConfig(published)).toThrow(/ALLOW_UNAUTHENTICATED=yes/);
  const config = loadDashboardConfig({ DASHBOARD_HOST: '0.0.0.0', AUTH_MODE: 'none' });
  expect(config.host).toBe('0.0.0.0');
});

test('a misspelt variable of the dashboard is a fault', () => {
  expect(() => loadDashboardConfig({ DASHBOARD_PROT: '1' })).toThrow(/DASHBOARD_PORT/);
});

test('host names can be added', () => {
  expect(loadDashboardConfig({}).allowedHosts).toEqual([]);
  const config = loadDashboardConfig({ ALLOWED_HOSTS: 'one.example.com, jobs.example.com' });
  expect(config.allowedHosts).toEqual(['one.example.com', 'jobs.example.com']);
});

test('where it asks for a key it may be reached; with a key of its own for everybody it needs the same words', () => {
  const asked = { DASHBOARD_HOST: '0.0.0.0', AUTH_MODE: 'keys', PUBLISHED_ADDRESS: '0.0.0.0' };
  expect(loadDashboardConfig(asked)).toMatchObject({ host: '0.0.0.0', sessionMs: 43_200_000 });
  const open = { ...asked, DASHBOARD_TOKEN: 'key_0.secret' };
  expect(() => loadDashboardConfig(open)).toThrow(/ALLOW_UNAUTHENTICATED=yes/);
  expect(() => loadDashboardConfig({ ...open, PUBLISHED_ADDRESS: undefined })).toThrow(/asks nobody/);
  expect(loadDashboardConfig({ ...open, PUBLISHED_ADDRESS: '127.0.0.1' })).toMatchObject({
    token: 'key_0.secret',
  });
});
