/**
 * OpenTelemetry's own variables, as far as we read them. Others (OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES and those of
 * OTEL_EXPORTER_OTLP_*) its packages read by themselves.
 */
import { type Config, durationMs, flag, listOf, oneOf, setting, text, urlText } from '@cc-executor/runtime';

export const tracingSettings = {
  otlpEndpoint: setting({
    env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    schema: urlText(['http', 'https']).optional(),
    example: 'http://collector:4318',
    description:
      'Where the collector of OpenTelemetry is, for traces of jobs (docs/tracing.md). Without one, here or in OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, nothing is traced.',
  }),
  otlpTracesEndpoint: setting({
    env: 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    schema: urlText(['http', 'https']).optional(),
    description: 'The same for traces alone, with the whole path.',
  }),
  tracesExporter: setting({
    env: 'OTEL_TRACES_EXPORTER',
    schema: listOf().optional(),
    description:
      'With `otlp` traces are sent also where no endpoint is named, to http://localhost:4318; with anything else (`none`) they are not.',
  }),
  otelDisabled: setting({
    env: 'OTEL_SDK_DISABLED',
    schema: flag(),
    default: false,
    description: 'Whether nothing is traced, whatever else is set.',
  }),
  otlpProtocol: setting({
    env: 'OTEL_EXPORTER_OTLP_PROTOCOL',
    schema: text(),
    default: 'http/protobuf',
    description: 'How traces are sent: http/protobuf or http/json. With `grpc` a warning says that none are.',
  }),
  otlpTracesProtocol: setting({
    env: 'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    schema: text().optional(),
    description: 'The same for traces alone.',
  }),
  tracesSampler: setting({
    env: 'OTEL_TRACES_SAMPLER',
    schema: oneOf([
      ...(['always_on', 'always_off', 'traceidratio'] as const),
      ...(['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const),
    ]),
    default: 'parentbased_always_on',
    description:
      'Which jobs are traced. `parentbased_…`: a client that names its trace says so itself. The same for all services.',
  }),
  tracesSamplerArg: setting({
    env: 'OTEL_TRACES_SAMPLER_ARG',
    schema: text()
      .regex(/^(0(\.\d+)?|1(\.0+)?)$/, { error: 'is no share' })
      .transform(Number)
      .describe('a number from 0 to 1'),
    default: 1,
    description: 'Of …traceidratio: the share that is.',
  }),
  traceDelayMs: setting({
    env: 'OTEL_BSP_SCHEDULE_DELAY',
    schema: durationMs({ min: 10 }),
    default: 1_000,
    description:
      'How long what has ended waits to be sent, with others: what a service that is killed loses of it.',
  }),
};

export type TracingConfig = Config<typeof tracingSettings>;

/** Whether an operator asks for traces. */
export function isTracingOn(config: TracingConfig): boolean {
  const { otelDisabled, tracesExporter, otlpEndpoint, otlpTracesEndpoint } = config;
  if (otelDisabled) return false;
  if (tracesExporter !== undefined) return tracesExporter.includes('otlp');
  return otlpEndpoint !== undefined || otlpTracesEndpoint !== undefined;
}
