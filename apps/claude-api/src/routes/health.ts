/** `GET /health`: the process lives. `GET /ready`: it can run a prompt, and with which engine. */
import type { Health } from '@cc-executor/runtime';
import type { FastifyInstance } from 'fastify';

export function registerHealthRoutes(app: FastifyInstance, health: Health): void {
  app.get('/health', (_request, reply) => {
    const { status, body } = health.health();
    return reply.code(status).header('cache-control', 'no-store').send(body);
  });
  app.get('/ready', async (_request, reply) => {
    const { status, body } = await health.ready();
    return reply.code(status).header('cache-control', 'no-store').send(body);
  });
}
