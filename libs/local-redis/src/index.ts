/** A Redis of our own on this machine, for `npm start` and for tests: which one, and how it is run. */
export { embeddedScript, serverArguments } from './arguments.ts';
export { type ChooseOptions, chooseRedis, NoRedisError, type RedisChoice } from './choose.ts';
export { fetchServer, serverCache } from './fetched.ts';
export { LockedError, takeLock } from './lock.ts';
export { originOf } from './origin.ts';
export { findPrograms } from './programs.ts';
export { describeOwner, whyNotWritable } from './writable.ts';
