/** Which gateways and workers there are, as they tell each other and `cc-executor doctor`, and words for what is wrong. */
export { createRegistry, FORGET_MS, type Registry } from './registry.ts';
export {
  isStale,
  type ServiceReport,
  type ServicesAnswer,
  servicesAnswerSchema,
  type UpstreamAddress,
  upstreamViewSchema,
} from './report.ts';
export { shareRunning } from './shared-run.ts';
export { describeFullness, describeTrouble, kindOfTrouble, type TroubleKind } from './trouble.ts';
