/** Which workspace of claude-api a tenant's is: callers bind the name to the tenant, so that each has names of its own there. */
import { createHash } from 'node:crypto';

/** Whose workspaces, executions and conversations have at claude-api the names that they have here. */
export const DEFAULT_TENANT = 'default';
const MADE_HERE = /^tenant_[0-9a-f]{40}$/i;

/** The name at claude-api. No two tenants' workspaces have the same. */
export function tenantWorkspace(tenant: string, workspace: string): string {
  if (tenant === DEFAULT_TENANT && !MADE_HERE.test(workspace)) return workspace;
  const hash = createHash('sha256')
    .update(JSON.stringify([tenant, workspace]))
    .digest('hex');
  return `tenant_${hash.slice(0, 40)}`;
}
