/**
 * The executions under way, each known to its tenant alone: who may start, who is held or stopped, and when all are gone.
 * An id is taken from before the engine starts until nothing of the execution is left. Paused executions leave their room
 * to others; so there is a bound of its own for them, and what goes on may for a while be more than may start.
 */
import type { Logger } from '@cc-executor/runtime';
import type { Engine, ExecutionRequest, Prepared } from './engine.ts';
import { type Execution, type ExecutionOutput, startExecution } from './execution.ts';
import { boundId } from './tenants.ts';
import type { StopReason } from './verdict.ts';

/** Why an execution may not start, be paused or go on. `retryAfterSeconds` is set when it may later. */
export type Refusal = {
  readonly statusCode: 404 | 409 | 429 | 503;
  readonly code: RefusalCode;
  readonly message: string;
  readonly retryAfterSeconds?: number;
};

type RefusalCode =
  | 'duplicate_execution'
  | 'at_capacity'
  | 'draining'
  | 'not_found'
  | 'execution_ending'
  | 'too_many_paused';

export type Executions = {
  /** How many run, and how many are paused. */
  load(): { running: number; paused: number };
  /** Undefined when one with this id may start now. */
  refuse(tenant: string, executionId: string): Refusal | undefined;
  /** Starts one; call `refuse` in the same tick before. */
  start(request: ExecutionRequest, prepared: Prepared, output: ExecutionOutput): Execution;
  /** Stops one; false when there is none with this id. */
  stop(tenant: string, executionId: string, reason: StopReason): boolean;
  /** Pauses or resumes one; resolves to undefined when that is so, or to why it is not. */
  setPaused(tenant: string, executionId: string, paused: boolean): Promise<Refusal | undefined>;
  /** Takes nothing new, waits up to `drainMs` for what runs, stops the rest. Resolves when all are gone. */
  close(drainMs: number): Promise<void>;
};

export type ExecutionLimits = {
  readonly maxExecutions: number;
  /** So many may be paused, on top. */
  readonly maxPaused: number;
  readonly executionTimeoutMs: number;
  readonly pausedTimeoutMs: number;
  readonly pingMs: number;
  /** How long Claude Code may live on after its result. */
  readonly exitGraceMs: number;
};

/** Makes the registry of one engine's executions. */
export function createExecutions(engine: Engine, limits: ExecutionLimits, logger: Logger): Executions {
  const underWay = new Map<string, Execution>();
  /** Of these, those that are paused, from when it is asked. */
  const paused = new Set<string>();
  let draining = false;

  const load = () => ({ running: underWay.size - paused.size, paused: paused.size });

  return {
    load,

    refuse(tenant, executionId) {
      if (draining) {
        const message = 'This server is shutting down';
        return { statusCode: 503, code: 'draining', message, retryAfterSeconds: 5 };
      }
      if (underWay.has(boundId(tenant, executionId))) {
        const message = `An execution with the id ${executionId} is under way`;
        return { statusCode: 409, code: 'duplicate_execution', message };
      }
      const { running } = load();
      if (running < limits.maxExecutions) return undefined;
      const message = `${running} executions are under way, and no more are allowed`;
      return { statusCode: 429, code: 'at_capacity', message, retryAfterSeconds: 2 };
    },

    start(request, prepared, output) {
      const execution = startExecution({ request, prepared, engine, output, limits, logger });
      const id = boundId(request.tenant, request.executionId);
      underWay.set(id, execution);
      void execution.done.then(() => {
        underWay.delete(id);
        paused.delete(id);
      });
      return execution;
    },

    stop(tenant, executionId, reason) {
      const execution = underWay.get(boundId(tenant, executionId));
      execution?.stop(reason);
      return execution !== undefined;
    },

    async setPaused(tenant, executionId, pause) {
      const id = boundId(tenant, executionId);
      const execution = underWay.get(id);
      if (execution === undefined) return notUnderWay(executionId);
      if (pause && !paused.has(id) && paused.size >= limits.maxPaused) {
        const message = `${paused.size} executions are paused, and no more may be (CLAUDE_MAX_PAUSED)`;
        return { statusCode: 429, code: 'too_many_paused', message };
      }
      if (pause) paused.add(id);
      else paused.delete(id);
      let isSo = false;
      try {
        isSo = await execution.setPaused(pause);
      } finally {
        if (!isSo) paused.delete(id);
      }
      if (isSo) return undefined;
      const message = `The execution ${executionId} is ending`;
      return { statusCode: 409, code: 'execution_ending', message };
    },

    async close(drainMs) {
      draining = true;
      const late = setTimeout(() => {
        for (const execution of underWay.values()) execution.stop('shutdown');
      }, drainMs);
      await Promise.all([...underWay.values()].map((execution) => execution.done));
      clearTimeout(late);
    },
  };
}

/** Nothing with this id can be stopped, paused or resumed. */
export function notUnderWay(executionId: string): Refusal {
  const message = `No execution with the id ${executionId} is under way`;
  return { statusCode: 404, code: 'not_found', message };
}
