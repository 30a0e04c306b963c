import { expect, it } from 'vitest';
import { buildCliEnvironment } from '../src/cli-environment.ts';

const otel = {
  OTEL_TRACES_EXPORTER: 'otlp',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer secret',
  OTEL_LOG_USER_PROMPTS: '0',
};
const base = {
  PATH: '/bin',
  TRACEPARENT: 'of whoever started claude-api',
  OTEL_SERVICE_NAME: 'claude-api',
  ...otel,
};

it.each([undefined, '', '0', 'false'])(
  'keeps our own telemetry from Claude Code when its own is %s',
  (value) => {
    const env = buildCliEnvironment({ ...base, CLAUDE_CODE_ENABLE_TELEMETRY: value }, {}, []);
    expect(Object.keys(env).filter((name) => /OTEL|TRACE/.test(name))).toEqual([]);
  },
);

it('hands all of it on where the operator has Claude Code tell of itself, but for the name of the service', () => {
  const env = buildCliEnvironment({ ...base, CLAUDE_CODE_ENABLE_TELEMETRY: '1' }, {}, []);
  expect(env).toMatchObject({ ...otel, CLAUDE_CODE_ENABLE_TELEMETRY: '1' });
  expect(env).not.toHaveProperty('OTEL_SERVICE_NAME');
  expect(env).not.toHaveProperty('TRACEPARENT');
});
