/** The traces of jobs, by OpenTelemetry, where an operator asks for them. */
export { endJob, startAttempt, startJob, type TracedJob } from './job-spans.ts';
export { isTracingOn, tracingSettings } from './settings.ts';
export type { Span, SpanPlan, Tracing } from './span.ts';
export { openTracing } from './tracing.ts';
