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

test('it asks nobody, also where gateways do: what others can reach needs the same words', () => {
  const asked = { DASHBOARD_HOST: '0.0.0.0', AUTH_MODE: 'keys' };
  expect(() => loadDashboardConfig(asked)).toThrow(/asks nobody/);
  expect(() => loadDashboardConfig({ ...asked, PUBLISHED_ADDRESS: '0.0.0.0' })).toThrow(
    /ALLOW_UNAUTHENTICATED=yes/,
  );
  expect(loadDashboardConfig({ ...asked, PUBLISHED_ADDRESS: '127.0.0.1' })).toMatchObject({
    host: '0.0.0.0',
  });
  expect(loadDashboardConfig({ AUTH_MODE: 'keys' })).toMatchObject({ host: '127.0.0.1' });
});
