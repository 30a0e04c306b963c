/** `DELETE /executions/{id}`: asks an execution to stop. Its own response says how it then ended. */
import type { FastifyInstance } from 'fastify';
import type { Executions } from '../executions.ts';

export function registerExecutionRoutes(app: FastifyInstance, executions: Executions): void {
  app.delete<{ Params: { id: string } }>('/executions/:id', (request, reply) => {
    const { id } = request.params;
    if (executions.stop(id, 'cancelled')) return reply.code(202).send({ execution_id: id });
    const error = { code: 'not_found', message: `No execution with the id ${id} is under way` };
    return reply.code(404).send({ error });
  });
}
