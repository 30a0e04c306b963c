/** A job as a component has it. */
import type { ExecuteParams } from '@cc-executor/client';
import { useEffect, useState, useSyncExternalStore } from 'react';
import { useClient } from './client-context.ts';
import { createJobStore, IDLE, type JobSource, type JobState, type JobStore, keyed } from './job-store.ts';
import { type Keeper, keepInSession, keepInUrl, keepNowhere } from './keeper.ts';

export type JobOptions = {
  /**
   * Where the job is kept for the page that is loaded next: in this tab's session storage, or in the address. What is kept
   * there goes before parameters. Default: nowhere. The first render counts.
   */
  keep?: 'session' | 'url';
  /** Under which name. Default `job`. */
  name?: string;
};

export type JobControls = {
  /** Starts a job, and shows it in place of the one before, which goes on. */
  start(params: ExecuteParams): void;
  /** Asks for the cancellation of the job that is shown. How that went, its end says. */
  stop(): void;
  pause(): void;
  resume(): void;
  /** Shows none, and forgets what was kept. The job goes on. */
  clear(): void;
};

/**
 * Shows the job of an id, or starts one, when the component is mounted and whenever what is asked for changes (compared as
 * JSON). Without either it waits for `start()`. Rendered on a server it is `idle`, and nothing is started.
 */
export function useJob(asked?: string | ExecuteParams, options: JobOptions = {}): JobState & JobControls {
  const client = useClient();
  const [{ store, controls, ask }] = useState(() => {
    const made = createJobStore(client, keeperOf(options));
    return { store: made, controls: controlsOf(made), ask: createAsk(made) };
  });
  const state = useSyncExternalStore(store.subscribe, store.getState, () => IDLE);
  const wanted = asked === undefined ? undefined : JSON.stringify(asked);
  useEffect(() => ask(wanted), [ask, wanted]);
  return { ...state, ...controls };
}

function keeperOf({ keep, name = 'job' }: JobOptions): Keeper<JobSource> {
  if (keep === undefined) return keepNowhere;
  return keep === 'url' ? keepInUrl(name) : keepInSession(name);
}

function controlsOf(store: JobStore): JobControls {
  return {
    start: (params) => store.show(keyed(params)),
    stop: store.stop,
    pause: () => store.control('pause'),
    resume: () => store.control('resume'),
    clear: () => store.show(undefined),
  };
}

/** Asks the store for what is wanted, as JSON, once for each change of it: Strict Mode runs each effect twice. */
function createAsk(store: JobStore) {
  let isFirst = true;
  let last: string | undefined;
  return (wanted: string | undefined): void => {
    const asked = wanted === undefined ? undefined : (JSON.parse(wanted) as string | ExecuteParams);
    const kept = isFirst && typeof asked !== 'string' ? store.kept() : undefined;
    if (!isFirst && wanted === last) return;
    isFirst = false;
    last = wanted;
    if (kept) store.show(kept);
    else if (typeof asked === 'string') store.show({ jobId: asked });
    else if (asked) store.show(keyed(asked));
    else if (store.getState() !== IDLE) store.show(undefined);
  };
}
