/**
 * The executions under way: who may start, who is stopped, and when all are gone.
 * An id is taken from before the engine starts until nothing of the execution is left.
 */
import type { Logger } from '@cc-executor/runtime';
import type { Engine, ExecutionRequest } from './engine.ts';
import { type Execution, type ExecutionOutput, startExecution } from './execution.ts';
import type { Place } from './places.ts';
import type { StopReason } from './verdict.ts';

/** Why an execution may not start. `retryAfterSeconds` is set when it may later. */
interface Refusal {
  readonly statusCode: 409 | 429 | 503;
  readonly code: 'duplicate_execution' | 'at_capacity' | 'draining';
  readonly message: string;
  readonly retryAfterSeconds?: number;
}

export interface Executions {
  /** How many are under way. */
  readonly size: number;
  /** Undefined when one with this id may start now. */
  refuse(executionId: string): Refusal | undefined;
  /** Starts one; call `refuse` in the same tick before. */
  start(request: ExecutionRequest, place: Place, output: ExecutionOutput): Execution;
  /** Stops one; false when there is none with this id. */
  stop(executionId: string, reason: StopReason): boolean;
  /** Pauses or resumes one; undefined when there is none with this id, false when it is ending. */
  setPaused(executionId: string, paused: boolean): Promise<boolean> | undefined;
  /** Takes nothing new, waits up to `drainMs` for what runs, stops the rest. Resolves when all are gone. */
  close(drainMs: number): Promise<void>;
}

export interface ExecutionLimits {
  readonly maxExecutions: number;
  readonly executionTimeoutMs: number;
  readonly pingMs: number;
  /** How long Claude Code may live on after its result. */
  readonly exitGraceMs: number;
}

/** Makes the registry of one engine's executions. */
export function createExecutions(engine: Engine, limits: ExecutionLimits, logger: Logger): Executions {
  const running = new Map<string, Execution>();
  let draining = false;

  return {
    get size() {
      return running.size;
    },

    refuse(executionId) {
      if (draining) {
        const message = 'This server is shutting down';
        return { statusCode: 503, code: 'draining', message, retryAfterSeconds: 5 };
      }
      if (running.has(executionId)) {
        const message = `An execution with the id ${executionId} is under way`;
        return { statusCode: 409, code: 'duplicate_execution', message };
      }
      if (running.size < limits.maxExecutions) return undefined;
      const message = `${running.size} executions are under way, and no more are allowed`;
      return { statusCode: 429, code: 'at_capacity', message, retryAfterSeconds: 2 };
    },

    start(request, place, output) {
      const execution = startExecution({ request, place, engine, output, limits, logger });
      running.set(request.executionId, execution);
      void execution.done.then(() => running.delete(request.executionId));
      return execution;
    },

    stop(executionId, reason) {
      const execution = running.get(executionId);
      execution?.stop(reason);
      return execution !== undefined;
    },

    setPaused(executionId, paused) {
      return running.get(executionId)?.setPaused(paused);
    },

    async close(drainMs) {
      draining = true;
      const late = setTimeout(() => {
        for (const execution of running.values()) execution.stop('shutdown');
      }, drainMs);
      await Promise.all([...running.values()].map((execution) => execution.done));
      clearTimeout(late);
    },
  };
}
