/** Opens the traces of a service. The packages of OpenTelemetry are loaded only where an operator asks for traces. */
import type { Logger } from '@cc-executor/runtime';
import { isTracingOn, type TracingConfig } from './settings.ts';
import type { Tracing } from './span.ts';

export type TracingOptions = {
  /** The name of the service, where OTEL_SERVICE_NAME says no other. */
  service: string;
  version: string;
  logger: Logger;
};

const PROTOCOLS = ['http/protobuf', 'http/json'];

/** Undefined: nothing is traced. */
export async function openTracing(
  config: TracingConfig,
  options: TracingOptions,
): Promise<Tracing | undefined> {
  if (!isTracingOn(config)) return undefined;
  const protocol = config.otlpTracesProtocol ?? config.otlpProtocol;
  if (!PROTOCOLS.includes(protocol)) {
    options.logger.warn(
      { protocol },
      `traces are not sent so, and not at all; only by ${PROTOCOLS.join(', ')}`,
    );
    return undefined;
  }
  const { startSdk } = await import('./sdk.ts');
  return startSdk({ ...options, ...config, isJson: protocol === 'http/json' });
}
