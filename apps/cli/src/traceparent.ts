/** What a job is called a part of, as a program that starts this one says it in the environment. */
import { traceparentSchema } from '@cc-executor/protocol';
import { loadConfig } from '@cc-executor/runtime';
import { appName, settings } from './config.ts';

/** Undefined also where it cannot be read: nobody has asked for it here. */
export function inheritedTraceparent(): string | undefined {
  const { traceparent } = loadConfig(appName, { traceparent: settings.traceparent });
  return traceparentSchema.safeParse(traceparent).data;
}
