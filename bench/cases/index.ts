/** All cases, in the order in which they are run. */
import type { AnyCase } from '../case.ts';
import { fullSpeed } from './full-speed.ts';

export const cases: readonly AnyCase[] = [fullSpeed];
