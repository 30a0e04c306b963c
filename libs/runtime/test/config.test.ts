import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import {
  ConfigError,
  commonSettings,
  describeSettings,
  durationMs,
  listOf,
  loadConfig,
  port,
  setting,
  text,
  urlText,
} from '../src/index.ts';

const settings = {
  ...commonSettings,
  port: setting({
    env: 'GATEWAY_PORT',
    schema: port(),
    default: 8003,
    description: 'Where clients connect.',
  }),
  redisUrl: setting({ env: 'REDIS_URL', schema: urlText(['redis']), description: 'Redis.' }),
  idleMs: setting({ env: 'GATEWAY_IDLE_MS', schema: durationMs(), default: 30_000, description: 'Idle.' }),
  token: setting({
    env: 'GATEWAY_TOKEN',
    schema: text().min(8).optional(),
    description: 'Token.',
    secret: true,
  }),
  apiKey: setting({ env: 'API_KEY', schema: text().optional(), keepEmpty: true, description: 'Key.' }),
};
const minimal = { REDIS_URL: 'redis://localhost:6379' };
const own = { prefixes: ['GATEWAY_'] };

function faultsOf(env: Record<string, string>, options = own): readonly string[] {
  try {
    loadConfig('gateway', settings, env, options);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  test('returns defaults and parsed values with their types', () => {
    const config = loadConfig('gateway', settings, { ...minimal, GATEWAY_IDLE_MS: '5m', LOG_LEVEL: 'debug' });
    expect(config).toMatchObject({ port: 8003, idleMs: 300_000, logLevel: 'debug', token: undefined });
    expectTypeOf(config.port).toEqualTypeOf<number>();
    expectTypeOf(config.token).toEqualTypeOf<string | undefined>();
    expectTypeOf(config.logFormat).toEqualTypeOf<'pretty' | 'json'>();
  });

  test('reports all faults at once, each with variable, value and expectation', () => {
    const faults = faultsOf({ GATEWAY_PORT: 'abc', GATEWAY_IDLE_MS: 'soon', LOG_LEVEL: 'loud' });
    expect(faults).toHaveLength(4);
    expect(faults).toContain(
      'GATEWAY_PORT is not a whole number; got "abc"; expected a port number, 0 to 65535',
    );
    expect(faults).toContain('REDIS_URL is not set; expected a URL that begins with redis://');
  });

  test('names the app and puts every fault on its own line', () => {
    const message = new ConfigError('gateway', ['one', 'two']).message;
    expect(message.split('\n')).toEqual(['gateway: the configuration is not valid', '  one', '  two']);
  });

  test('takes an empty variable for unset, unless the setting keeps it', () => {
    const config = loadConfig('gateway', settings, { ...minimal, GATEWAY_PORT: '', API_KEY: '' });
    expect(config).toMatchObject({ port: 8003, apiKey: '' });
  });

  test('suggests the name that was meant for an unknown variable of the app', () => {
    expect(faultsOf({ ...minimal, GATEWAY_PROT: '1' })).toEqual([
      'GATEWAY_PROT is not a known variable; did you mean GATEWAY_PORT?',
    ]);
    expect(faultsOf({ ...minimal, GATEWAY_COMPLETELY_OTHER: '1' })).toEqual([
      'GATEWAY_COMPLETELY_OTHER is not a known variable',
    ]);
  });

  test('leaves the variables of other apps and of the orchestrator alone', () => {
    const foreign = {
      WORKER_PORT: '1',
      GATEWAY_SERVICE_HOST: '10.0.0.1',
      GATEWAY_PORT_8003_TCP_ADDR: '10.0.0.1',
    };
    expect(faultsOf({ ...minimal, ...foreign })).toEqual([]);
  });

  test('hides credentials in the URLs it quotes', () => {
    const [fault] = faultsOf({ REDIS_URL: 'http://user:hunter2@host' });
    expect(fault).toContain('http://***@host');
    expect(fault).not.toContain('hunter2');
  });
});

describe('secrets', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-'));
    writeFileSync(join(folder, 'token'), 'from-the-file\n');
    writeFileSync(join(folder, 'empty'), '\n');
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('are read from the file that <ENV>_FILE names, without its last newline', () => {
    const env = { ...minimal, GATEWAY_TOKEN_FILE: join(folder, 'token') };
    expect(loadConfig('gateway', settings, env, own).token).toBe('from-the-file');
  });

  test('given twice are a fault', () => {
    const env = { ...minimal, GATEWAY_TOKEN: 'long-enough', GATEWAY_TOKEN_FILE: join(folder, 'token') };
    expect(faultsOf(env)).toEqual(['GATEWAY_TOKEN and GATEWAY_TOKEN_FILE are both set; expected only one']);
  });

  test('in a file that is absent or empty are a fault, never "unset"', () => {
    expect(faultsOf({ ...minimal, GATEWAY_TOKEN_FILE: join(folder, 'absent') })[0]).toContain(
      'cannot be read (ENOENT)',
    );
    expect(faultsOf({ ...minimal, GATEWAY_TOKEN_FILE: join(folder, 'empty') })[0]).toContain(
      'names an empty file',
    );
  });

  test('are not printed when they are wrong', () => {
    const [fault] = faultsOf({ ...minimal, GATEWAY_TOKEN: 'hunter2' });
    expect(fault).toContain('GATEWAY_TOKEN');
    expect(fault).not.toContain('hunter2');
  });

  test('only a secret may be given as a file', () => {
    expect(faultsOf({ ...minimal, GATEWAY_PORT_FILE: join(folder, 'token') })[0]).toContain(
      'not a known variable',
    );
  });
});

describe('describeSettings', () => {
  test('gives one row for each setting, with default, expectation and whether it is required', () => {
    const rows = describeSettings({
      ...settings,
      tags: setting({ env: 'TAGS', schema: listOf(), default: ['a', 'b'], description: '' }),
    });
    const row = (env: string) => rows.find((candidate) => candidate.env === env);
    expect(row('GATEWAY_PORT')).toMatchObject({
      key: 'port',
      default: '8003',
      required: false,
      secret: false,
    });
    expect(row('REDIS_URL')).toMatchObject({ default: undefined, required: true });
    expect(row('GATEWAY_TOKEN')).toMatchObject({ expected: 'text', required: false, secret: true });
    expect(row('LOG_FORMAT')?.defaultText).toBe('pretty on a terminal, otherwise json');
    expect(row('TAGS')?.default).toBe('a,b');
  });
});
