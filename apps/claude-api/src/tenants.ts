/**
 * Whose an execution is. Callers say so in a header: they know who wants it, and the token says that they are ours.
 * Executions and conversations are found under their tenant alone, so that those of others are as good as not there.
 */
import { createHash } from 'node:crypto';
import { DEFAULT_TENANT } from '@cc-executor/claude-options/tenant-workspace';
import type { HttpRequest, HttpServer } from '@cc-executor/service';

const HEADER = 'x-tenant';
const TENANT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/** Whether a tenant can have this name. */
export const isTenant = (name: string): boolean => TENANT.test(name);

/** Lets in only requests whose tenant is well-formed. */
export function requireTenant(app: HttpServer): void {
  app.addHook('onRequest', async (request, reply) => {
    if (isTenant(tenantOf(request))) return;
    const message = `${HEADER} is not 1 to 64 letters, digits, - and _`;
    return reply.code(400).send({ error: { code: 'invalid_request', message } });
  });
}

/** The tenant of a request; of one that names none the default one. */
export function tenantOf({ headers }: Pick<HttpRequest, 'headers'>): string {
  return String(headers[HEADER] ?? DEFAULT_TENANT);
}

/** What an execution is known by. No two tenants have the same, since no id has a space. */
export function boundId(tenant: string, executionId: string): string {
  return tenant === DEFAULT_TENANT ? executionId : `${tenant} ${executionId}`;
}

/** The name of a tenant's own folder, also where letter case does not count; undefined: the default tenant needs none. */
export function tenantFolder(tenant: string): string | undefined {
  return tenant === DEFAULT_TENANT ? undefined : createHash('sha256').update(tenant).digest('hex');
}
