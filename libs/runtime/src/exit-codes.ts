/** Exit codes of a service, and of the command that runs all of them. */
export const exitCodes = { ok: 0, failed: 1, config: 78, interrupted: 130 } as const;
