/** What to try, by what is wrong and with whom. */
import { kindOfTrouble, type TroubleKind } from '@cc-executor/fleet';

export type Target = 'gateway' | 'redis' | 'claude-api' | 'worker';

/** The variable that says where it is, for whoever calls it. */
const VARIABLES: Record<Target, string> = {
  gateway: '--url or CC_EXECUTOR_URL',
  redis: 'REDIS_URL',
  'claude-api': 'CLAUDE_API_URL',
  worker: 'WORKER_HEALTH_PORT',
};

const START: Record<Target, string> = {
  gateway: 'Start one with `npm start` or `docker compose up -d`',
  redis: 'Start it with `docker compose up -d redis`',
  'claude-api': 'Start it with `docker compose up -d claude-api`',
  worker: 'Start it with `docker compose up -d worker`',
};

/** For a code of the system's, of Redis's, or of the fleet's. */
export function adviseOn(code: string | undefined, target: Target): string {
  return adviseOnKind(kindOfTrouble(code), target);
}

export function adviseOnKind(kind: TroubleKind, target: Target): string {
  const variable = VARIABLES[target];
  switch (kind) {
    case 'name_unknown':
      return `Is ${target} up, and on the same network as the caller? \`docker compose ps ${target}\`. Is ${variable} spelt right?`;
    case 'refused':
      return `The host is there, but nothing listens on this port. ${START[target]}; is the port of ${variable} right, and does ${target} listen on more than its container's own 127.0.0.1?`;
    case 'timed_out':
      return `Is there a route, no firewall in between, and is ${target} neither paused nor overloaded? \`docker compose ps ${target}\`, \`docker compose logs ${target}\`.`;
    case 'unroutable':
      return `Are both on the same network? \`docker network inspect\`; is ${variable} an address of this network?`;
    case 'not_ours':
      return `Another program has this address or port: correct ${variable}, or stop it. \`docker compose ps\` shows who has which port.`;
    case 'credentials':
      return `User and password in ${variable} (or the file of ${variable}_FILE) must be those that Redis knows; odd characters are percent-encoded.`;
    case 'not_allowed':
      return "Give this user the right in Redis's ACL; `ACL GETUSER` and `ACL LOG` show what is missing.";
    case 'busy':
      return `Wait until ${target} has loaded its data, and look again.`;
    case 'memory_full':
      return `Raise its maxmemory, or lower JOB_RETENTION_MS; \`redis-cli --bigkeys\` shows what fills it. What was accepted still ends.`;
    case 'disk_full':
      return `Make room where ${target} writes: \`docker compose exec ${target} df -h\`, \`docker compose logs ${target}\`. Until then nothing is accepted, and nothing ends.`;
    case 'no_replicas':
      return 'Start its replicas, or look at their logs: so many as `min-replicas-to-write` says must follow it, no further behind than `min-replicas-max-lag`. Until then nothing is accepted, and nothing ends.';
    case 'other':
      return `Look at the logs of both sides: \`docker compose logs ${target}\`.`;
  }
}

export const DRAINING_ADVICE =
  'It is being stopped and takes nothing new: look again in a moment; it should be replaced by then.';
