/**
 * How every service starts, answers HTTP, tells of itself and stops. What gateways and workers have in common besides
 * is `@cc-executor/service/fleet-member`: it loads the Redis client, which other services have no use for.
 */
export { createForeignCheck, type ForeignCheck } from './foreign-check.ts';
export { type Check, type CheckResult, createHealth, type Health } from './health.ts';
export {
  createHttpServer,
  type HttpReply,
  type HttpRequest,
  type HttpServer,
  listenHttp,
  sendJson,
} from './http-server.ts';
export { runService } from './lifecycle.ts';
export { listenOnLoopback } from './loopback-listener.ts';
export { http, https } from './node-http.ts';
