/** `GET /metrics`: what this service counts, where that is on. */
import type { Metrics } from '@cc-executor/metrics';
import type { FastifyInstance } from 'fastify';

export function registerMetricsRoute(app: FastifyInstance, metrics: Metrics): void {
  if (!metrics.isOn) return;
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await metrics.scrape();
    return reply.header('content-type', contentType).header('cache-control', 'no-store').send(body);
  });
}
