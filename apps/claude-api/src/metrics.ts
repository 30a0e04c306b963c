/** What claude-api counts: executions, how they ended and which were refused. */
import type { Counter, Histogram, Metrics } from '@cc-executor/metrics';
import type { ExecutionLimits, Executions } from './executions.ts';

export type ClaudeApiMetrics = {
  readonly ended: Counter<'status' | 'code'>;
  readonly duration: Histogram<'status'>;
  readonly refused: Counter<'code'>;
};

/** Up to the longest time an execution usually gets. */
const EXECUTION_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];

/** Registers the metrics of a claude-api. */
export function createClaudeApiMetrics(
  metrics: Metrics,
  {
    load,
    limits,
    engine,
  }: {
    load: Executions['load'];
    limits: Pick<ExecutionLimits, 'maxExecutions' | 'maxPaused'>;
    engine: string;
  },
): ClaudeApiMetrics {
  metrics.gauge({
    name: 'cc_executor_claude_api_executions',
    help: 'Executions that run. Those that go on after a pause can for a while be more than may start.',
    read: () => load().running,
  });
  metrics.gauge({
    name: 'cc_executor_claude_api_executions_limit',
    help: 'How many may run at once.',
    read: () => limits.maxExecutions,
  });
  metrics.gauge({
    name: 'cc_executor_claude_api_executions_paused',
    help: 'Executions that are paused; they are not among those that run.',
    read: () => load().paused,
  });
  metrics.gauge({
    name: 'cc_executor_claude_api_executions_paused_limit',
    help: 'How many may be paused.',
    read: () => limits.maxPaused,
  });
  metrics
    .gauge({
      name: 'cc_executor_claude_api_engine_info',
      help: 'Always 1; `engine` is `claude` or `demo`, which runs no Claude.',
      labels: ['engine'],
    })
    .set({ engine }, 1);
  const own: ClaudeApiMetrics = {
    ended: metrics.counter({
      name: 'cc_executor_claude_api_executions_ended_total',
      help: 'Executions that ended, by status (`success`, `error`, `cancelled`, `timeout`) and error code.',
      labels: ['status', 'code'],
    }),
    duration: metrics.histogram({
      name: 'cc_executor_claude_api_execution_duration_seconds',
      help: 'From starting Claude Code until nothing of it is left.',
      labels: ['status'],
      buckets: EXECUTION_SECONDS,
    }),
    refused: metrics.counter({
      name: 'cc_executor_claude_api_executions_refused_total',
      help: 'Executions that did not start, by the error code of the answer.',
      labels: ['code'],
    }),
  };
  own.ended.inc({ status: 'success', code: '' }, 0);
  own.refused.inc({ code: 'at_capacity' }, 0);
  return own;
}
