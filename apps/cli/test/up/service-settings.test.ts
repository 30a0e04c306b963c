import { describe, expect, test } from 'vitest';
import { checkServiceSettings } from '../../src/up/service-settings.ts';

const sound = { CLAUDE_API_URL: 'http://127.0.0.1:8000', PATH: '/bin', HOME: '/home/me' };

test('settings that every service accepts have no faults', async () => {
  const env = { ...sound, GATEWAY_PORT: '0', JOB_LEASE_MS: '5s', FETCH_REDIS: 'off', REDIS_URL_FILE: '' };
  expect(await checkServiceSettings(env)).toEqual({ faults: [], doubts: [] });
});

describe('what a service would refuse to start with is a fault', () => {
  test.each([
    ['GATEWAY_PROT', '8003', /^GATEWAY_PROT is not a known variable; did you mean GATEWAY_PORT\?$/],
    ['WORKER_CONCURENCY', '4', /did you mean WORKER_CONCURRENCY\?$/],
    ['GATEWAY_PORT', 'http', /^GATEWAY_PORT is not a whole number; got "http"; expected a port number/],
    ['JOB_LEASE_MS', 'soon', /^JOB_LEASE_MS is not a duration/],
    ['REDIS_URL', 'localhost:6379', /^REDIS_URL is not such a URL; the value is secret/],
    ['GATEWAY_HOST', '0.0.0.0', /AUTH_MODE is not set/],
    ['DASHBOARD_PORT', '99999', /^DASHBOARD_PORT is out of range/],
  ])('%s=%s', async (name, value, fault) => {
    const { faults } = await checkServiceSettings({ ...sound, [name]: value });
    expect(faults).toEqual([expect.stringMatching(fault)]);
  });
});

test('a service that is not run is not asked', async () => {
  const env = { ...sound, DASHBOARD_PORT: '99999' };
  expect((await checkServiceSettings(env, ['dashboard'])).faults).toEqual([]);
});

test('a variable with nearly the name of a setting is doubted, others are not', async () => {
  const env = { FETCH_REDS: 'off', REDIS_URI: 'redis://x', CLAUDE_ALOWED_TOOLS: 'Bash', LOGLEVEL: 'info' };
  const others = { CLAUDE_CODE_ENTRYPOINT: 'cli', LANG: 'C', EDITOR: 'vi', NODE_ENV: 'test', PORT: '80' };
  const { faults, doubts } = await checkServiceSettings({ ...sound, ...env, ...others });
  expect(faults).toEqual([]);
  expect(doubts).toEqual([
    'CLAUDE_ALOWED_TOOLS is set, and nothing reads it; did you mean CLAUDE_ALLOWED_TOOLS?',
    'FETCH_REDS is set, and nothing reads it; did you mean FETCH_REDIS?',
    'LOGLEVEL is set, and nothing reads it; did you mean LOG_LEVEL?',
    'REDIS_URI is set, and nothing reads it; did you mean REDIS_URL?',
  ]);
});
