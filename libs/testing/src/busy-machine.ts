/** How long things may take on a machine that others use, too. */
import { availableParallelism, loadavg } from 'node:os';

/** So many processes wait for each processor, at most, where tests are alone. */
const OWN_LOAD = 2;

/** What these ms are on this machine now: as many, or more where others want its processors, too. */
export function onBusyMachine(ms: number): number {
  const [load = 0] = loadavg();
  return ms * Math.max(1, load / (OWN_LOAD * availableParallelism()));
}
