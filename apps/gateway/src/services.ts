/** `GET /services`: the gateways and workers there are, and what each sees, for `cc-executor doctor`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Registry, type SelfReport, type ServicesAnswer, shareRunning } from '@cc-executor/fleet';
import type { Producer } from '@cc-executor/queue';

export type Services = {
  /** Answers GET /services; returns false, having done nothing, for any other request. */
  handle(request: IncomingMessage, response: ServerResponse): boolean;
};

export function createServices({
  self,
  registry,
  producer,
}: {
  self: SelfReport;
  registry: Registry;
  producer: Pick<Producer, 'depth'>;
}): Services {
  /** What Redis cannot tell now is left out; why it cannot stands in our own report. */
  const gather = shareRunning(async (): Promise<ServicesAnswer> => {
    const report = await self.describe();
    const [services, queue] = report.redis.ok
      ? await Promise.allSettled([registry.list(report.at), producer.depth()])
      : [];
    return {
      now: report.at,
      self: report,
      ...(services?.status === 'fulfilled' ? { services: services.value } : {}),
      ...(queue?.status === 'fulfilled' ? { queue: queue.value } : {}),
    };
  });

  return {
    handle(request, response) {
      if (request.method !== 'GET' || request.url?.split('?', 1)[0] !== '/services') return false;
      gather().then(
        (answer) => send(response, 200, answer),
        () => send(response, 500, { error: 'the services could not be listed' }),
      );
      return true;
    },
  };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(`${JSON.stringify(body)}\n`);
}
