/**
 * What can be done with an execution besides starting it. `DELETE` asks it to stop, and its own response says how it
 * then ended; `pause` and `resume` hold it and let it go on; `transcript` is Claude Code's own record of its answer.
 */
import type { HttpReply, HttpServer } from '@cc-executor/service';
import type { Engine } from '../engine.ts';
import type { Executions } from '../executions.ts';

interface ById {
  Params: { id: string };
}

export function registerExecutionRoutes(app: HttpServer, executions: Executions, engine: Engine): void {
  app.delete<ById>('/executions/:id', (request, reply) => {
    const { id } = request.params;
    if (executions.stop(id, 'cancelled')) return reply.code(202).send({ execution_id: id });
    return notUnderWay(reply, id);
  });

  for (const [action, paused] of [
    ['pause', true],
    ['resume', false],
  ] as const) {
    app.post<ById>(`/executions/:id/${action}`, async (request, reply) => {
      const { id } = request.params;
      const asked = executions.setPaused(id, paused);
      if (asked === undefined) return notUnderWay(reply, id);
      if (await asked) return reply.code(200).send({ execution_id: id, paused });
      const message = `The execution ${id} is ending`;
      return reply.code(409).send({ error: { code: 'execution_ending', message } });
    });
  }

  app.get<ById>('/executions/:id/transcript', async (request, reply) => {
    const { id } = request.params;
    const found = await engine.readTranscript(id);
    reply.header('cache-control', 'no-store');
    if ('reason' in found) return reply.code(404).send({ error: { code: 'not_verifiable', ...found } });
    return reply.code(200).send({ execution_id: id, ...found });
  });
}

function notUnderWay(reply: HttpReply, id: string): HttpReply {
  const error = { code: 'not_found', message: `No execution with the id ${id} is under way` };
  return reply.code(404).send({ error });
}
