/** Where a page keeps what it shows, so that it shows it again after a reload. Storage that is blocked keeps nothing. */
import type { JobSource } from './job-store.ts';

export type Keeper<T> = {
  read(): T | undefined;
  write(value: T | undefined): void;
};

export const keepNowhere: Keeper<never> = { read: () => undefined, write: () => {} };

/** For this tab. */
export function keepInSession<T>(name: string): Keeper<T> {
  const key = `cc-executor.${name}`;
  return {
    read() {
      try {
        return JSON.parse(sessionStorage.getItem(key) ?? 'null') ?? undefined;
      } catch {
        return undefined;
      }
    },
    write(value) {
      try {
        if (value === undefined) sessionStorage.removeItem(key);
        else sessionStorage.setItem(key, JSON.stringify(value));
      } catch {
        // Full, or forbidden.
      }
    },
  };
}

/** For whoever has the address: the job's id, and nothing of what was asked. */
export function keepInUrl(name: string): Keeper<JobSource> {
  return {
    read() {
      const jobId = new URL(location.href).searchParams.get(name);
      return jobId === null ? undefined : { jobId };
    },
    write(source) {
      const url = new URL(location.href);
      if (source && 'jobId' in source) url.searchParams.set(name, source.jobId);
      else url.searchParams.delete(name);
      history.replaceState(history.state, '', url);
    },
  };
}
