/** What `GET /services` answers: the gateways and workers there are, and what each sees, for `cc-executor doctor`. */
import { type Registry, type ServicesAnswer, shareRunning } from '@cc-executor/fleet';
import type { UsageBlock } from '@cc-executor/job-log';
import type { Producer } from '@cc-executor/queue';
import type { SelfReport } from '@cc-executor/service/fleet-member';

export type Services = () => Promise<ServicesAnswer>;

/** What Redis cannot tell now is left out of the answer; why it cannot stands in our own report. */
export function createServices({
  self,
  registry,
  producer,
  usageBlock,
}: {
  self: SelfReport;
  registry: Registry;
  producer: Pick<Producer, 'depth'>;
  usageBlock: Pick<UsageBlock, 'read'>;
}): Services {
  return shareRunning(async () => {
    const report = await self.describe();
    const [services, queue, blocked] = report.redis.ok
      ? await Promise.allSettled([registry.list(report.at), producer.depth(), usageBlock.read()])
      : [];
    return {
      now: report.at,
      self: report,
      ...(services?.status === 'fulfilled' ? { services: services.value } : {}),
      ...(queue?.status === 'fulfilled' ? { queue: queue.value } : {}),
      ...(blocked?.status === 'fulfilled' ? { usageLimits: blocked.value } : {}),
    };
  });
}
