/**
 * The live heap of a service, through Node's inspector: after a full collection, so that it says what is held and
 * not what is waiting to be collected. The service must have been started with `INSPECTED` in its environment.
 */
import { once } from 'node:events';
import type { ServiceProcess } from '@cc-executor/testing';

/** Environment of a service whose heap is to be looked at; any free port of loopback. */
export const INSPECTED = { NODE_OPTIONS: '--inspect=127.0.0.1:0' };

/** Collects garbage, then returns the heap in use and the buffers that it holds, in MB. */
export async function liveHeapMb(service: ServiceProcess): Promise<number> {
  const line = await service.untilLog(({ msg }) => /^Debugger listening on ws:/.test(msg));
  const socket = new WebSocket(line.msg.replace('Debugger listening on ', ''));
  await once(socket, 'open');

  async function call(
    id: number,
    method: string,
  ): Promise<{ usedSize?: number; backingStorageSize?: number }> {
    socket.send(JSON.stringify({ id, method }));
    for (;;) {
      const [{ data }] = (await once(socket, 'message')) as [MessageEvent<string>];
      const answer = JSON.parse(data);
      if (answer.id === id) return answer.result;
    }
  }

  try {
    // What a first collection finalises, a second one frees.
    await call(1, 'HeapProfiler.collectGarbage');
    await call(2, 'HeapProfiler.collectGarbage');
    const { usedSize = Number.NaN, backingStorageSize = Number.NaN } = await call(3, 'Runtime.getHeapUsage');
    return (usedSize + backingStorageSize) / 1024 / 1024;
  } finally {
    socket.close();
  }
}
