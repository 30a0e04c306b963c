/**
 * Where the operator's MCP configurations lie: `NAME.json` in the folder is for all, `tenants/TENANT/NAME.json` for that tenant alone,
 * for which it goes before one for all.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The folder in which tenants have theirs. */
export const OF_TENANTS = 'tenants';

/** The file; undefined: there is none for this tenant. */
export function findMcpConfiguration(folder: string, tenant: string, name: string): string | undefined {
  const file = `${name}.json`;
  const own = join(folder, OF_TENANTS);
  // By its name as it is written: where letter case does not count, two tenants could have one folder.
  const candidates = [
    ...(namesIn(own).includes(tenant) ? [join(own, tenant, file)] : []),
    join(folder, file),
  ];
  return candidates.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // There is none: no tenant has its own.
    return [];
  }
}
