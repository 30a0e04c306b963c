/**
 * What Node is told when it runs a service. V8 may let new objects take three times 32 MB before it looks which of them live; a
 * quarter of that does as well, measured with tiny jobs and with large ones, and a service takes 20 to 60 MB less. It cannot be
 * said later: V8 asks when it starts. What an image runs says the same (Dockerfiles, deploy/image/stage.sh).
 */
export const SERVICE_FLAGS: readonly string[] = ['--max-semi-space-size=8'];
