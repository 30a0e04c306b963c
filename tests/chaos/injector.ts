/** Carries out planned faults: each at its time, those of one target one after the other, recorded in the history. */
import { sleep } from '@cc-executor/runtime';
import {
  type CrowdPlan,
  type FaultProxy,
  type HistoryRecorder,
  type ProxyFaults,
  startCrowd,
  type TestRedis,
} from '@cc-executor/testing';
import type { PlannedFault } from './fault-plan.ts';
import { createRandom, type Random } from './random.ts';
import type { Slot } from './slots.ts';

export type World = {
  gateways: Slot[];
  workers: Slot[];
  redis: TestRedis;
  proxies: Record<'gatewayRedis' | 'workerRedis' | 'upstream', FaultProxy>;
  recorder: HistoryRecorder;
};

export type InjectorOptions = {
  world: World;
  plan: PlannedFault[];
  seed: number;
  onFault: (fault: PlannedFault) => void;
};

/** Resolves when all faults are over. Rejects when one could not be carried out. */
export async function injectFaults({ world, plan, seed, onFault }: InjectorOptions): Promise<void> {
  const startedAt = performance.now();
  const busy = new Map<string, Promise<void>>();
  for (const [index, fault] of plan.entries()) {
    await sleep(fault.atMs - (performance.now() - startedAt));
    const random = createRandom(seed, `fault ${index}`);
    const work = (busy.get(fault.target) ?? Promise.resolve()).then(async () => {
      onFault(fault);
      const over = world.recorder.fault(`${fault.kind} (${fault.target})`);
      try {
        await carryOut(fault, world, random);
      } finally {
        over();
      }
    });
    busy.set(fault.target, work);
    // Awaited at the end; until then a failure is no unhandled one.
    work.catch(() => undefined);
  }
  await Promise.all(busy.values());
}

async function carryOut(fault: PlannedFault, world: World, random: Random): Promise<void> {
  const [what, how = ''] = fault.kind.split(' ');
  switch (what) {
    case 'worker':
    case 'gateway':
      return disturbProcess(slotOf(fault.target, world), how, fault.durationMs);
    case 'redis':
      return disturbRedis(world.redis, how, fault.durationMs);
    case 'gatewayRedis':
    case 'workerRedis':
    case 'upstream':
      return disturbNetwork(world.proxies[what], how, fault.durationMs, random);
    case 'clients':
      return sendCrowd(random.pick(world.gateways), how, fault.durationMs);
  }
  throw new Error(`nobody knows how to do ${fault.kind}`);
}

function slotOf(target: string, { gateways, workers }: World): Slot {
  const slot = [...gateways, ...workers].find(({ name }) => name === target);
  if (!slot) throw new Error(`there is no ${target}`);
  return slot;
}

async function disturbProcess(slot: Slot, how: string, durationMs: number): Promise<void> {
  if (how === 'SIGSTOP') await slot.freeze(durationMs);
  else await slot.replace(how as 'SIGKILL' | 'SIGTERM', durationMs);
}

async function disturbRedis(redis: TestRedis, how: string, durationMs: number): Promise<void> {
  const { admin, pid = 0 } = redis;
  switch (how) {
    case 'kill-pubsub':
      // ioredis types a few forms of this command only.
      await redis.killClients('subscribers');
      return;
    case 'read-only':
      // Nobody listens there, so the data stay as they are.
      await admin.replicaof('127.0.0.1', '1');
      await sleep(durationMs);
      await admin.replicaof('NO', 'ONE');
      return;
    case 'out-of-memory':
      await admin.config('SET', 'maxmemory', '1');
      await sleep(durationMs);
      await admin.config('SET', 'maxmemory', '0');
      return;
    case 'SIGKILL':
      await redis.kill();
      await sleep(durationMs);
      await redis.start();
      return;
    case 'SIGSTOP':
      process.kill(pid, 'SIGSTOP');
      await sleep(durationMs);
      process.kill(pid, 'SIGCONT');
      return;
  }
  throw new Error(`nobody knows how to do ${how} to Redis`);
}

async function disturbNetwork(
  proxy: FaultProxy,
  how: string,
  durationMs: number,
  random: Random,
): Promise<void> {
  if (how === 'cut') {
    proxy.cutAll(random.pick(['rst', 'fin']));
    return;
  }
  await proxy.set(networkFaults(how, random));
  // Who is connected would not notice a closed door.
  if (how === 'refuse') proxy.cutAll('rst');
  await sleep(durationMs);
  await proxy.reset();
}

/** Some of the gateway's clients mean harm for a while; of a gateway that is away, they find it closed. */
async function sendCrowd(gateway: Slot, how: string, durationMs: number): Promise<void> {
  const crowd = startCrowd(crowdPlan(how, Number(gateway.process().ready.port)));
  await sleep(durationMs);
  await crowd.close();
}

function crowdPlan(how: string, port: number): CrowdPlan {
  const request = (method: string, params: string) =>
    `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
  switch (how) {
    case 'ask':
      return { port, count: 4, mode: 'flood', frame: request('list', '{"limit":100}') };
    case 'nest': {
      const deep = `${'['.repeat(60_000)}${']'.repeat(60_000)}`;
      const frame = request('execute', `{"prompt":"x","metadata":{"a":${deep}}}`);
      return { port, count: 4, mode: 'flood', frame };
    }
    case 'begin-frames':
      return { port, count: 64, mode: 'unfinished', frameBytes: 1024 * 1024 };
  }
  throw new Error(`nobody knows how clients could ${how}`);
}

function networkFaults(how: string, random: Random): ProxyFaults {
  switch (how) {
    case 'hold':
      return { toTarget: { hold: true }, toClient: { hold: true } };
    case 'delay': {
      const delayMs = random.int(10, 300);
      return { toTarget: { delayMs }, toClient: { delayMs: random.int(10, 300) } };
    }
    case 'refuse':
      return { refuse: random.pick(['refused', 'reset']) };
    case 'drop-reply':
      return { dropReply: { matches: () => true, nth: random.int(1, 40), times: random.int(1, 5) } };
  }
  throw new Error(`nobody knows the network fault ${how}`);
}
