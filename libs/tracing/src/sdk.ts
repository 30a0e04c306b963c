/**
 * OpenTelemetry, set up by its standard variables. The only file that imports its packages, and imported only where traces
 * are wanted. It sets no globals but the place for its complaints: nothing is traced that does not ask for it.
 */
import { createRepeatedWarning, type Logger, within } from '@cc-executor/runtime';
import { DiagLogLevel, diag, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  type IdGenerator,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { TracingConfig } from './settings.ts';
import type { Span, SpanPlan, Tracing } from './span.ts';
import { readTraceparent, writeTraceparent } from './traceparent.ts';
import type { TracingOptions } from './tracing.ts';

/** What a service that stops waits for its collector, in ms. */
const CLOSE_MS = 2_000;
const KINDS = { server: SpanKind.SERVER, client: SpanKind.CLIENT };

/** `isJson`: how spans are sent; else as Protocol Buffers. */
export async function startSdk(
  options: TracingOptions &
    Pick<TracingConfig, 'tracesSampler' | 'tracesSamplerArg' | 'traceDelayMs'> & { isJson: boolean },
): Promise<Tracing> {
  tellComplaints(options.logger);
  const own = { 'service.name': options.service, 'service.version': options.version };
  const resource = defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }));
  const { OTLPTraceExporter } = options.isJson
    ? await import('@opentelemetry/exporter-trace-otlp-http')
    : await import('@opentelemetry/exporter-trace-otlp-proto');
  const ids = createIds();
  const provider = new TracerProvider({
    resource,
    sampler: samplerOf(options.tracesSampler, options.tracesSamplerArg),
    idGenerator: ids,
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new OTLPTraceExporter(),
        scheduledDelayMillis: options.traceDelayMs,
      }),
    ],
  });
  const tracer = provider.getTracer('cc-executor', options.version);
  let closing: Promise<void> | undefined;

  function start({ name, kind, parent, ids: given, startMs, attributes = {} }: SpanPlan): Span {
    const around = parent === undefined ? undefined : readTraceparent(parent);
    const context = around ? trace.setSpanContext(ROOT_CONTEXT, { ...around, isRemote: true }) : ROOT_CONTEXT;
    const span = ids.use(given, () =>
      tracer.startSpan(
        name,
        {
          attributes,
          ...(kind && { kind: KINDS[kind] }),
          ...(startMs !== undefined && { startTime: startMs }),
        },
        context,
      ),
    );
    return {
      traceparent: writeTraceparent(span.spanContext()),
      note: (event, about = {}) => void span.addEvent(event, about),
      end({ error, endMs, attributes: more = {} } = {}) {
        span.setAttributes(more);
        if (error !== undefined) {
          span.setAttribute('error.type', error).setStatus({ code: SpanStatusCode.ERROR, message: error });
        }
        span.end(endMs === undefined ? undefined : Math.max(endMs, startMs ?? endMs));
      },
    };
  }

  return {
    start,
    close() {
      closing ??= within(provider.shutdown(), CLOSE_MS).catch((err) =>
        options.logger.warn({ err }, 'the last traces are not sent'),
      );
      return closing;
    },
  };
}

/** A collector that is away is no reason to stop, and is told once in a while. */
function tellComplaints(logger: Logger): void {
  const complain = createRepeatedWarning(logger, 'traces cannot be sent');
  const tell = (said: string) => complain(reasonOf(said));
  const silent = () => undefined;
  const listener = { error: tell, warn: tell, info: silent, debug: silent, verbose: silent };
  diag.setLogger(listener, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** Errors come as JSON, with their stacks. */
function reasonOf(said: string): string {
  try {
    return String((JSON.parse(said) as { message: unknown }).message);
  } catch {
    return said;
  }
}

/** Random ids, but for a span whose ids are given. */
function createIds(): IdGenerator & { use<T>(ids: SpanPlan['ids'], start: () => T): T } {
  const random = new RandomIdGenerator();
  let given: SpanPlan['ids'];
  return {
    generateTraceId: () => given?.traceId ?? random.generateTraceId(),
    generateSpanId: () => given?.spanId ?? random.generateSpanId(),
    use(ids, start) {
      given = ids;
      try {
        return start();
      } finally {
        given = undefined;
      }
    },
  };
}

function samplerOf(name: TracingConfig['tracesSampler'], share: number): Sampler {
  const plain = name.replace('parentbased_', '');
  const root =
    plain === 'always_on'
      ? new AlwaysOnSampler()
      : plain === 'always_off'
        ? new AlwaysOffSampler()
        : new TraceIdRatioBasedSampler(share);
  return plain === name ? root : new ParentBasedSampler({ root });
}
