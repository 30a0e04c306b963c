/** What cases measure with: the systems, started when they are first needed; one upstream and one load client for all. */
import type { TaskName } from './client/main.ts';
import { type Comparison, compare } from './measure/compare.ts';
import { type FiguresOf, type LoadClient, startLoadClient } from './measure/load-client.ts';
import { type Measured, measure, type Plan } from './measure/measure.ts';
import { type Product, type ProductOptions, startProduct } from './systems/product.ts';
import { startProgram } from './systems/program.ts';
import { type System, type SystemName, startSystem } from './systems/system.ts';

type Task<K extends TaskName> = {
  /** What is compared, beside the case's name in warnings. */
  label: string;
  task: K;
  plan: Plan<K>;
  warmUp?: Plan<K>;
  /** The figure whose spread tells how steady the machine was. */
  steady: keyof FiguresOf<K> & string;
  /** Where more or fewer than usual tell enough. */
  rounds?: number;
};

export type Bench = {
  readonly client: LoadClient;
  readonly upstreamUrl: string;
  /** How often each system is measured. */
  readonly rounds: number;
  /** How large the case is: in full, or as small as it can be to show that it works. */
  size<T>(sizes: { full: T; smoke: T }): T;
  system(name: SystemName): Promise<System>;
  /** Another one, so that what it does is not in the way of the first; whoever starts it stops it. */
  startClient(): Promise<LoadClient>;
  /** The same as the system of this name. */
  product(): Promise<Product>;
  /** Another one than `system` gives; whoever starts it closes it. */
  startProduct(options?: Omit<ProductOptions, 'upstreamUrl'>): Promise<Product>;
  compare<S extends SystemName, K extends TaskName>(
    systems: readonly S[],
    task: Task<K>,
  ): Promise<Comparison<S, K>>;
  measure<K extends TaskName>(system: System, task: K, plan: Plan<K>): Promise<Measured<K>>;
  /** Figures that come of it are doubtful. */
  warn(text: string): void;
  /** Then there is no figure to speak of. */
  fault(text: string): void;
  /** Ends the systems, so that whoever asks gets fresh ones. In a smoke run they stay. */
  renewSystems(): Promise<void>;
  close(): Promise<void>;
};

export type BenchOptions = {
  rounds: number;
  isSmoke: boolean;
  /** Told what makes figures doubtful. */
  onWarning(text: string): void;
  /** Told what broke a promise: then there is no figure to speak of. */
  onFault(text: string): void;
};

function readInBatches(product: System): System {
  return { ...product, targets: product.targets.map((target) => ({ ...target, inBatches: true })) };
}

export async function openBench({ rounds, isSmoke, onWarning, onFault }: BenchOptions): Promise<Bench> {
  const upstream = await startProgram('upstream.ts', []);
  const client = await startLoadClient();
  const surroundings = { client, upstreamPid: upstream.pid };
  const upstreamUrl = `http://127.0.0.1:${upstream.port}`;
  const systems = new Map<SystemName, Promise<System>>();

  function system(name: SystemName): Promise<System> {
    if (name === 'batches') return system('product').then(readInBatches);
    const known = systems.get(name) ?? startSystem(name, upstreamUrl);
    systems.set(name, known);
    return known;
  }

  async function run<K extends TaskName>(
    on: System,
    name: string,
    task: K,
    plan: Plan<K>,
  ): Promise<Measured<K>> {
    const measured = await measure(surroundings, on, task, plan);
    for (const fault of measured.faults) onFault(`${name}: ${fault}`);
    return measured;
  }

  async function closeSystems(): Promise<void> {
    const started = await Promise.allSettled(systems.values());
    systems.clear();
    for (const result of started) if (result.status === 'fulfilled') await result.value.close();
  }

  return {
    client,
    upstreamUrl,
    rounds: isSmoke ? 1 : rounds,
    size: (sizes) => (isSmoke ? sizes.smoke : sizes.full),
    system,
    startClient: startLoadClient,
    product: () => system('product') as Promise<Product>,
    startProduct: (more = {}) => startProduct({ upstreamUrl, ...more }),
    compare: (names, { label, task, plan, warmUp = plan, steady, rounds: own = rounds }) => {
      const comparer = {
        run: async (name: SystemName, what: typeof plan) =>
          run(await system(name), `${label}: ${name}`, task, what),
        // What is tiny is never steady.
        warn: (text: string) => (isSmoke ? undefined : onWarning(`${label}: ${text}`)),
      };
      const often = isSmoke ? { rounds: 1, moreRounds: 0 } : { rounds: own, moreRounds: own };
      return compare(comparer, names, plan, { warmUp, steady, ...often });
    },
    measure: (on, task, plan) => run(on, task, task, plan),
    warn: onWarning,
    fault: onFault,
    renewSystems: async () => {
      if (!isSmoke) await closeSystems();
    },
    async close() {
      await closeSystems();
      await client.stop();
      await upstream.stop();
    },
  };
}
