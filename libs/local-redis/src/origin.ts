/** Which of the four a running Redis is, as one sees from what it says of itself. */
import { basename, dirname, join } from 'node:path';
import { configurationFile } from './arguments.ts';
import type { RedisChoice } from './choose.ts';
import { serverCache } from './fetched.ts';

/** What is in these files' paths wherever the checkout lies, and on whichever machine. */
const OWN_CONFIGURATION = join(basename(dirname(configurationFile)), basename(configurationFile));
const OWN_CACHE = join(basename(dirname(serverCache)), basename(serverCache));

/** @param software members of INFO's section `server` */
export function originOf(software: {
  os?: string | undefined;
  executable?: string | undefined;
  configFile?: string | undefined;
}): RedisChoice['kind'] {
  const { os = '', executable = '', configFile = '' } = software;
  if (os.startsWith('mocked')) return 'embedded';
  if (!configFile.endsWith(`/${OWN_CONFIGURATION}`)) return 'external';
  return executable.includes(`/${OWN_CACHE}/`) ? 'fetched' : 'installed';
}
