/** The types for the SDK are those that are inferred from the schema. Checked by the compiler. */
import { expect, it } from 'vitest';
import type { ExecuteParams, JobEvent, Method, Notification, Params, Result } from '../src/index.ts';
import type * as plain from '../src/plain.ts';

/** Intersections made one object, lists writable, at every depth. */
type Flat<T> = T extends readonly (infer I)[]
  ? Flat<I>[]
  : T extends object
    ? { -readonly [K in keyof T]: Flat<T[K]> }
    : T;
type Same<A, B> =
  (<T>() => T extends Flat<A> ? 1 : 2) extends <T>() => T extends Flat<B> ? 1 : 2 ? true : never;

const same: true[] = [
  true satisfies Same<ExecuteParams, plain.ExecuteParams>,
  true satisfies Same<JobEvent, plain.JobEvent>,
  true satisfies Same<{ [M in Method]: Params<M> }, { [M in Method]: plain.Requests[M]['params'] }>,
  true satisfies Same<{ [M in Method]: Result<M> }, { [M in Method]: plain.Requests[M]['result'] }>,
  true satisfies Same<
    { [N in keyof plain.Notices]: Notification<N> },
    { [N in keyof plain.Notices]: plain.Notices[N] }
  >,
];

it('has the types of the schema', () => {
  expect(same).not.toContain(false);
});
