/**
 * The monotonic clock that all processes of a machine share, in µs, read cheaply: performance.now() differs from it by a
 * constant, which is taken from the tightest of many readings.
 */
const READINGS = 1_000;

const offsetUs = findOffset();

/** The same in every process, to about a µs; fractions are kept. */
export function monotonicUs(): number {
  return performance.now() * 1_000 + offsetUs;
}

function findOffset(): number {
  let offset = 0;
  let tightest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < READINGS; i += 1) {
    const before = Number(process.hrtime.bigint()) / 1_000;
    const at = performance.now() * 1_000;
    const after = Number(process.hrtime.bigint()) / 1_000;
    if (after - before >= tightest) continue;
    tightest = after - before;
    offset = (before + after) / 2 - at;
  }
  return offset;
}
