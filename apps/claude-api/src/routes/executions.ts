/**
 * What can be done with an execution besides starting it. `DELETE` asks it to stop, and its own response says how it
 * then ended; `pause` and `resume` hold it and let it go on; `transcript` is Claude Code's own record of its answer. And with
 * which credential a tenant's would ask the model.
 */
import type { HttpServer } from '@cc-executor/service';
import type { Engine } from '../engine.ts';
import { type Executions, notUnderWay } from '../executions.ts';
import { tenantOf } from '../tenants.ts';
import { sendRefusal } from './refusal.ts';

type ById = {
  Params: { id: string };
};

export function registerExecutionRoutes(app: HttpServer, executions: Executions, engine: Engine): void {
  app.delete<ById>('/executions/:id', (request, reply) => {
    const { id } = request.params;
    if (executions.stop(tenantOf(request), id, 'cancelled'))
      return reply.code(202).send({ execution_id: id });
    return sendRefusal(reply, notUnderWay(id));
  });

  for (const [action, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post<ById>(`/executions/:id/${action}`, async (request, reply) => {
      const { id } = request.params;
      const refusal = await executions.setPaused(tenantOf(request), id, paused);
      if (refusal !== undefined) return sendRefusal(reply, refusal);
      return reply.code(200).send({ execution_id: id, paused });
    });
  }

  app.get('/credential', async (request, reply) => {
    const found = await engine.findCredential?.(tenantOf(request));
    if (found !== undefined && 'code' in found) return sendRefusal(reply, found);
    return reply.code(200).send({ credential: found?.credential?.id ?? null });
  });

  app.get<ById>('/executions/:id/transcript', async (request, reply) => {
    const { id } = request.params;
    const found = await engine.readTranscript(tenantOf(request), id);
    reply.header('cache-control', 'no-store');
    if ('reason' in found) return reply.code(404).send({ error: { code: 'not_verifiable', ...found } });
    return reply.code(200).send({ execution_id: id, ...found });
  });
}
