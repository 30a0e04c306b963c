/** A collector of OpenTelemetry that keeps the spans it is sent, as JSON over HTTP, and what tells its address to services. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { expect, vi } from 'vitest';

export type Span = {
  service: string;
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  status: { code?: number; message?: string };
};

type Exported = {
  resourceSpans?: {
    resource: { attributes: { key: string; value: { stringValue?: string } }[] };
    scopeSpans: { spans: Omit<Span, 'service'>[] }[];
  }[];
};

export type Collector = {
  /** The variables that have traces sent to it, soon. */
  env: Record<string, string>;
  requests(): number;
  /** The spans of a trace, once there are as many as are wanted. */
  untilTree(traceId: string, isWhole: number | ((spans: Span[]) => boolean)): Promise<Span[]>;
  close(): void;
};

const PATIENCE = { timeout: 30_000, interval: 50 };

export async function startCollector(): Promise<Collector> {
  const spans: Span[] = [];
  let requests = 0;
  const server = createServer(async (request, response) => {
    requests += 1;
    for (const { resource, scopeSpans } of ((await json(request)) as Exported).resourceSpans ?? []) {
      const service = resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
      spans.push(...scopeSpans.flatMap((scope) => scope.spans.map((span) => ({ ...span, service }))));
    }
    // Its callers count the connections that services keep.
    response.writeHead(200, { 'content-type': 'application/json', connection: 'close' }).end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '50',
    },
    requests: () => requests,
    untilTree: (traceId, isWhole) =>
      vi.waitFor(() => {
        const found = spans.filter((span) => span.traceId === traceId);
        const names = found.map(({ service, name }) => `${service} ${name}`);
        if (typeof isWhole === 'number') expect(names).toHaveLength(isWhole);
        else expect(isWhole(found), names.join()).toBe(true);
        return found;
      }, PATIENCE),
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * Each span as `parent > name (service)`, with its fault, in words, in order. Expects that they are one tree, whose root is a
 * part of `root`.
 */
export function shapeOf(spans: Span[], root: string | undefined): string[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size).toBe(spans.length);
  return spans
    .map((span) => {
      const parent = byId.get(span.parentSpanId ?? '');
      if (parent === undefined) expect(span.parentSpanId || undefined).toBe(root);
      const failed = span.status.code === 2 ? ` !${span.status.message}` : '';
      return `${parent?.name ?? ''} > ${span.name} (${span.service.replace('cc-executor-', '')})${failed}`;
    })
    .sort();
}
