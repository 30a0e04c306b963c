/** All cases, in the order in which they are run. */
import type { AnyCase } from '../case.ts';
import { burst } from './burst.ts';
import { coldStart } from './cold-start.ts';
import { fanOut } from './fan-out.ts';
import { firstChunk } from './first-chunk.ts';
import { fullSpeed } from './full-speed.ts';
import { growth } from './growth.ts';
import { idleConnections } from './idle-connections.ts';
import { largeJobs } from './large-jobs.ts';
import { neighbours } from './neighbours.ts';
import { paced } from './paced.ts';
import { pickUp } from './pick-up.ts';
import { redisMemory } from './redis-memory.ts';
import { replay } from './replay.ts';
import { scaleOut } from './scale-out.ts';
import { tenants } from './tenants.ts';
import { tinyJobs } from './tiny-jobs.ts';

export const cases: readonly AnyCase[] = [
  fullSpeed,
  paced,
  firstChunk,
  burst,
  tinyJobs,
  fanOut,
  idleConnections,
  replay,
  growth,
  scaleOut,
  largeJobs,
  pickUp,
  redisMemory,
  tenants,
  neighbours,
  coldStart,
];
