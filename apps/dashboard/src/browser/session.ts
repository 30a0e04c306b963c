/** Who looks at these pages, and what they may do: the document says so. The server, and the gateway behind it, decide. */
const { role = 'view', who, tenant, session } = document.documentElement.dataset;

/** Undefined where nobody is asked. */
export const visitor = who === undefined ? undefined : { who, tenant, role, hasSession: session === 'yes' };

/** Whether jobs may be started, stopped and run again. */
export const mayOperate = role !== 'view';

/** Whether what is of all may be seen: the overview, the queue. */
export const isAdmin = role === 'admin';

/** Whether there are several tenants, whose jobs are all here. */
export const seesTenants = isAdmin && visitor !== undefined;

/** To where one signs in, and from there back to this page. */
export function signInAgain(): void {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
}
