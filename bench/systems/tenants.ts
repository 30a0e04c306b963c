/** The product as tenants share it: gateways ask for keys, and hold each tenant, and each of its keys, to limits. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { editKeyFile, type Limits, makeKey } from '@cc-executor/identity';
import type { Target } from '../client/connection.ts';
import { type Product, type ProductOptions, startProduct } from './product.ts';

export type Tenants<N extends string> = Product & {
  /** As this tenant; a target for each of its keys. */
  targetsOf(tenant: N): readonly Target[];
};

/** @param tenants by name: how many keys each has, and what it may do; a key may do the same */
export async function startTenants<N extends string>(
  options: ProductOptions,
  tenants: Readonly<Record<N, { keys: number; limits: Limits }>>,
): Promise<Tenants<N>> {
  const folder = await mkdtemp(join(tmpdir(), 'cc-executor-bench-'));
  const file = join(folder, 'keys.json');
  const names = Object.keys(tenants) as N[];
  const made = names.flatMap((tenant) => {
    const { keys, limits } = tenants[tenant];
    const { running: _running, weight: _weight, ...ofKey } = limits;
    return Array.from({ length: keys }, () => {
      const { key, token } = makeKey({ label: 'bench', tenant, scopes: ['write'] }, Date.now());
      return { tenant, token, key: { ...key, limits: ofKey } };
    });
  });
  const ofTenants = Object.fromEntries(names.map((name) => [name, { limits: tenants[name].limits }]));
  editKeyFile(file, () => ({ keys: made.map(({ key }) => key), tenants: ofTenants }));
  const env = { ...options.env, AUTH_MODE: 'keys', AUTH_KEYS_FILE: file };
  const product = await startProduct({ ...options, env });
  const targetsFor = (tokens: readonly string[]) =>
    tokens.flatMap((token) => product.targets.map((target) => ({ ...target, token })));
  return {
    ...product,
    targets: targetsFor(made.map(({ token }) => token)),
    processes: product.processes,
    targetsOf: (tenant) => targetsFor(made.filter((one) => one.tenant === tenant).map(({ token }) => token)),
    async close() {
      await product.close();
      await rm(folder, { recursive: true });
    },
  };
}
