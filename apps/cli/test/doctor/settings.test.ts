import { describe, expect, it } from 'vitest';
import { guessPlace, readSettings } from '../../src/doctor/settings.ts';

describe('the place whose view the doctor takes', () => {
  it.each([
    [{}, 'client'],
    [{ REDIS_URL: 'redis://redis:6379', GATEWAY_HOST: '0.0.0.0' }, 'gateway'],
    [
      { REDIS_URL: 'redis://redis:6379', GATEWAY_HOST: '0.0.0.0', CLAUDE_API_URL: 'http://files:8000' },
      'gateway',
    ],
    [{ REDIS_URL: 'redis://redis:6379', CLAUDE_API_URL: 'http://claude-api:8000' }, 'worker'],
    [{ REDIS_URL: 'redis://redis:6379', DASHBOARD_HOST: '0.0.0.0' }, 'dashboard'],
    [{ CLAUDE_API_HOST: '0.0.0.0' }, 'claude-api'],
  ])('is told by the variables: %j', (env, place) => {
    expect(guessPlace(readSettings(env).settings)).toBe(place);
  });
});

describe('the settings', () => {
  it('pass over what Kubernetes puts into variables of the same name', () => {
    const { settings, faults } = readSettings({ CLAUDE_API_PORT: 'tcp://10.0.0.1:8000', GATEWAY_PORT: 'x' });
    expect(settings.claudeApiPort).toBeUndefined();
    expect(faults).toEqual([expect.stringMatching(/^GATEWAY_PORT .*expected a port number/)]);
  });

  it('are all looked at, and those that are valid are used', () => {
    const { settings, faults } = readSettings({
      JOB_LEASE_MS: 'soon',
      STRICT_DURABILITY: 'perhaps',
      REDIS_URL_FILE: '/does/not/exist',
      CLAUDE_API_URL: 'http://claude-api:8000',
    });
    expect(faults).toEqual([
      expect.stringContaining('JOB_LEASE_MS is not a duration'),
      expect.stringContaining('STRICT_DURABILITY is neither'),
      expect.stringContaining('REDIS_URL_FILE cannot be read'),
    ]);
    expect(settings.claudeApiUrl).toBe('http://claude-api:8000');
    expect(settings.redisUrl).toBeUndefined();
  });
});
