/**
 * Tickets: an identity put down in Redis for a moment, to be taken once, by whichever gateway is shown its name. Redis has
 * the digest of the name only: what stands there opens nothing.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Identity } from '@cc-executor/identity';
import { TICKET_PREFIX } from '@cc-executor/protocol';
import { defineScript, type RedisConnection } from '@cc-executor/redis';

const TICKET_MS = 30_000;

type Kept = { identity: Identity; origin?: string };

export type Tickets = {
  /** @param origin of the only page that may use it; undefined: whoever has it may. Errors: those of Redis. */
  issue(identity: Identity, origin: string | undefined): Promise<{ ticket: string; expiresAt: number }>;
  /** Takes it, also when it is shown from a wrong origin; undefined when it is not good. Errors: those of Redis. */
  redeem(ticket: string, origin: string | undefined): Promise<Identity | undefined>;
};

const ISSUE = `
-- KEYS: ticket. ARGV: what it stands for, how long it is kept (ms). Returns its end on Redis's clock (ms).
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local now = redis.call('TIME')
return { now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2] }`;

const TAKE = `
-- KEYS: ticket. Returns what it stands for, and it is gone; nothing when it is not there.
local kept = redis.call('GET', KEYS[1])
if not kept then return {} end
redis.call('DEL', KEYS[1])
return { kept }`;

export function createTickets({ redis, keyPrefix }: { redis: RedisConnection; keyPrefix: string }): Tickets {
  const issue = defineScript(redis, { name: 'tickets:issue', numberOfKeys: 1, lua: ISSUE });
  const take = defineScript(redis, { name: 'tickets:take', numberOfKeys: 1, lua: TAKE });
  const keyOf = (ticket: string) =>
    `${keyPrefix}:ticket:${createHash('sha256').update(ticket).digest('hex')}`;
  return {
    async issue(identity, origin) {
      const ticket = `${TICKET_PREFIX}${randomBytes(32).toString('base64url')}`;
      const kept: Kept = { identity, ...(origin !== undefined && { origin }) };
      const [expiresAt] = await issue([keyOf(ticket)], [JSON.stringify(kept), TICKET_MS]);
      return { ticket, expiresAt: Number(expiresAt) };
    },
    async redeem(ticket, origin) {
      const [json] = await take([keyOf(ticket)], []);
      if (json === undefined) return undefined;
      const kept = JSON.parse(String(json)) as Kept;
      return kept.origin === undefined || kept.origin === origin ? kept.identity : undefined;
    },
  };
}
