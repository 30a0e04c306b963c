/** Execute: accepts a job and, unless told otherwise, listens to it from its beginning. */
import type { Accept } from './accept.ts';
import type { Listen } from './listen.ts';
import type { Operation } from './operation.ts';

/** Errors: those of listen and accept. */
export function createExecute({ accept, listen }: { accept: Accept; listen: Listen }): Operation<'execute'> {
  return (session, params) => listen(session, params, () => accept(session.identity, params));
}
