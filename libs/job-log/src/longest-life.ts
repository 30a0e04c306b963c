/** Longer than a job that is not paused can live before it is kept: its longest wait and its longest run, in ms. */
export const LONGEST_LIFE_MS = 2 * 24 * 60 * 60_000;
