/**
 * Whether tools of Claude Code can get at the credentials for the model. They are kept from Claude Code by the proxy; but
 * what runs as the same user may read that user's files, where they cannot be hidden, and this service's environment, where
 * processes cannot be kept apart.
 */
import { type Containment, canHide } from './containment.ts';
import type { TenantCredentials } from './credentials/store.ts';

const STORED_LOGIN = 'login in the home folder';
const BEHIND_PROXY = ['API key', 'auth token', 'OAuth token'];
const CREDENTIALS = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'];

/** Of these ways to the model (as `findLogin` says them), whether all can stand behind the proxy. */
export function isForProxy(logins: readonly string[]): boolean {
  return (
    logins.some((login) => BEHIND_PROXY.includes(login)) && !logins.some((login) => login.startsWith('cloud'))
  );
}

/** Why the credentials are within reach; none: they are not. */
export function whyInReach(options: {
  logins: readonly string[];
  hasProxy: boolean;
  containment: Containment;
  environment: Readonly<Record<string, string | undefined>>;
  /** Where a login is stored. */
  configFolder: string;
  /** What tenants have of their own. */
  tenantCredentials?: Pick<TenantCredentials, 'folder'> | undefined;
}): string[] {
  const { logins, hasProxy, containment, environment, configFolder, tenantCredentials } = options;
  const named = CREDENTIALS.flatMap((name) => environment[`${name}_FILE`] || []);
  const files = [...named, ...(tenantCredentials?.folder ? [tenantCredentials.folder] : [])];
  const shown = files.filter((file) => !canHide(containment, file));
  const isHidden = (login: string) =>
    login === STORED_LOGIN && hasProxy && canHide(containment, configFolder);
  const others = logins.filter((login) => !BEHIND_PROXY.includes(login) && !isHidden(login));
  const reasons: [boolean, string][] = [
    [!hasProxy && logins.some((login) => BEHIND_PROXY.includes(login)), 'Claude Code is given it'],
    [others.length > 0, `Claude Code reads it itself (${others.join(', ')})`],
    [shown.length > 0, `it is read from a file (${shown.join(', ')})`],
    [!containment.secludes, "/proc shows this service's environment"],
  ];
  const isNothing = logins.length === 0 && tenantCredentials === undefined;
  return isNothing ? [] : reasons.flatMap(([isSo, reason]) => (isSo ? [reason] : []));
}
