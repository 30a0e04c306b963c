/** Which gateways and workers there are, what each sees of the others, and what that means. */
export { guardDurability } from './durability-gate.ts';
export { createRedisCheck } from './redis-check.ts';
export { createRegistry, FORGET_MS, type Registry } from './registry.ts';
export {
  type ServiceReport,
  type ServicesAnswer,
  servicesAnswerSchema,
  type UpstreamAddress,
} from './report.ts';
export { startReporter } from './reporter.ts';
export { createSelfReport, type SelfReport } from './self-report.ts';
export { shareRunning } from './shared-run.ts';
export { describeTrouble, kindOfTrouble, type TroubleKind } from './trouble.ts';
