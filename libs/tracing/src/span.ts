/** What a trace is made of, as our services see it; the packages of OpenTelemetry are behind it, in sdk.ts. */

export type Attributes = Readonly<Record<string, string | number | boolean | undefined>>;

export type SpanPlan = {
  name: string;
  kind?: 'server' | 'client';
  /** The `traceparent` of what it is a part of; undefined: it begins a trace. */
  parent: string | undefined;
  /** Ids that whoever ends the span in our place comes to as well; the default is random ones. Without a parent the trace's, too. */
  ids?: { traceId?: string; spanId: string };
  /** Unix time in ms; default now. */
  startMs?: number;
  attributes?: Attributes;
};

/** One that is never ended is never sent. */
export type Span = {
  /** Names it, as W3C has it, to what is a part of it. */
  readonly traceparent: string;
  note(event: string, attributes?: Attributes): void;
  /** `error`: a code, where it failed. `endMs`: Unix time in ms; default now. Only the first call counts. */
  end(how?: { error?: string | undefined; endMs?: number | undefined; attributes?: Attributes }): void;
};

export type Tracing = {
  start(plan: SpanPlan): Span;
  /** Sends what has ended, within a bound. Idempotent; never rejects. */
  close(): Promise<void>;
};
