/** Which program a Redis is: from INFO, which users without CONFIG may run too. */
import type { RedisConnection } from './connection.ts';
import { readInfo } from './info.ts';
import { mastersOf } from './servers.ts';

export type Software = {
  /** redis or valkey. */
  name: string;
  version: string;
  /** Of the machine that it runs on. */
  os?: string | undefined;
  executable?: string | undefined;
  configFile?: string | undefined;
};

/** Of the first master; undefined where INFO is not allowed. Rejects when Redis does not answer. */
export async function describeSoftware(redis: RedisConnection): Promise<Software | undefined> {
  const [server] = mastersOf(redis);
  if (server === undefined) return undefined;
  try {
    return readSoftware(readInfo(await server.info('server')));
  } catch (error) {
    if (/^(NOPERM|ERR unknown)/.test((error as Error).message)) return undefined;
    throw error;
  }
}

/** Valkey also says which Redis it is like. Pure. */
function readSoftware(info: Readonly<Record<string, string>>): Software | undefined {
  const version = info.valkey_version ?? info.redis_version;
  if (version === undefined) return undefined;
  const { os, executable, config_file: configFile } = info;
  return { name: info.server_name ?? 'redis', version, os, executable, configFile };
}
