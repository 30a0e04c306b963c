/**
 * The queue as bull-board shows it, to look at only: a job is started, retried and ended by its record, so a
 * button that changes the queue behind the record's back would break what the record promises.
 */
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { openQueue } from '@cc-executor/queue';
import type { HttpServer } from '@cc-executor/service';
import type { Entrance } from './identity/entrance.ts';
import { refuse } from './problem.ts';

/** Where the board is mounted. */
const BOARD_PATH = '/queues';

/** Mounts the board, which is of all tenants. Requests that could change something are answered 405. */
export function mountBoard(
  app: HttpServer,
  { queue, visitorOf }: { queue: ReturnType<typeof openQueue> } & Pick<Entrance, 'visitorOf'>,
): void {
  const adapter = new BullMQAdapter(queue, {
    readOnlyMode: true,
    allowRetries: false,
    displayName: 'Jobs',
    description: 'Every accepted job, by its id. Prompts and output are not in the queue.',
  });
  // Every entry has the same name; its id, which is the job's, stands above it. So the title is the status.
  adapter.setFormatter('name', describeEntry);
  // Jobs that wait for children, or in a queue that stands still, are not made here.
  const { getStatuses, getJobStatuses } = adapter;
  adapter.getStatuses = () => withoutUnused(getStatuses.call(adapter));
  adapter.getJobStatuses = () => withoutUnused(getJobStatuses.call(adapter));

  const server = new FastifyAdapter();
  server.setBasePath(BOARD_PATH);
  createBullBoard({
    queues: [adapter],
    serverAdapter: server,
    options: {
      uiConfig: {
        boardTitle: 'CC Executor',
        hideDocsLink: true,
        // Our workers share their connection with other work and so are not named as BullMQ's.
        showWorkers: false,
        miscLinks: [{ text: 'Overview', url: '/' }],
      },
    },
  });
  app.register(async (scope) => {
    scope.addHook('onRequest', async (request, reply) => {
      if (visitorOf(request).role !== 'admin') {
        const detail = 'The queue is of all tenants: it is for the scope admin.';
        return refuse(reply, { status: 403, code: 'forbidden', detail });
      }
      if (request.method === 'GET' || request.method === 'HEAD') return;
      return reply.code(405).header('allow', 'GET, HEAD').send({ error: 'this dashboard only shows' });
    });
    await scope.register(server.registerPlugin(), { prefix: BOARD_PATH });
  });
}

function withoutUnused<T extends string>(statuses: T[]): T[] {
  return statuses.filter((status) => status !== 'waiting-children' && status !== 'paused');
}

/** What the worker said of the job, or how far the entry has come. */
function describeEntry(entry: {
  returnvalue?: unknown;
  failedReason?: string;
  processedOn?: number;
}): string {
  if (entry.failedReason !== undefined) return entry.failedReason;
  if (typeof entry.returnvalue === 'string') return entry.returnvalue;
  return entry.processedOn === undefined ? 'queued' : 'running';
}
