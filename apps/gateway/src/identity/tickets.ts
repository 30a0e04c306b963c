/**
 * Tickets: an identity put down in Redis for a moment, to be taken once, by whichever gateway is shown its name. Redis has
 * the digest of the name only: what stands there opens nothing. Where gateways share a secret, it is signed, and bound to that name and a
 * time: who writes to Redis makes no ticket of their own, and none that is more or lasts longer.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Identity } from '@cc-executor/identity';
import { TICKET_PREFIX } from '@cc-executor/protocol';
import { defineScript, type RedisConnection } from '@cc-executor/redis';
import type { Signer } from './signer.ts';

const TICKET_MS = 30_000;
/** How far the clocks of two gateways may be apart, in ms. */
const LEEWAY_MS = 30_000;

/** `until`: on the clock of who gave it, Unix ms. */
type Kept = { identity: Identity; origin?: string; until: number };

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

/** @param options.signer undefined: gateways share no secret */
export function createTickets({
  redis,
  keyPrefix,
  signer,
  now = Date.now,
}: {
  redis: RedisConnection;
  keyPrefix: string;
  signer: Signer | undefined;
  now?: () => number;
}): Tickets {
  const issue = defineScript(redis, { name: 'tickets:issue', numberOfKeys: 1, lua: ISSUE });
  const take = defineScript(redis, { name: 'tickets:take', numberOfKeys: 1, lua: TAKE });
  const keyOf = (ticket: string) =>
    `${keyPrefix}:ticket:${createHash('sha256').update(ticket).digest('hex')}`;
  return {
    async issue(identity, origin) {
      const ticket = `${TICKET_PREFIX}${randomBytes(32).toString('base64url')}`;
      const kept: Kept = { identity, ...(origin !== undefined && { origin }), until: now() + TICKET_MS };
      const [key, json] = [keyOf(ticket), JSON.stringify(kept)];
      const [expiresAt] = await issue([key], [signer?.sign(key, json) ?? json, TICKET_MS]);
      return { ticket, expiresAt: Number(expiresAt) };
    },
    async redeem(ticket, origin) {
      const key = keyOf(ticket);
      const [text] = await take([key], []);
      if (text === undefined) return undefined;
      const json = signer === undefined ? String(text) : signer.open(key, String(text));
      if (json === undefined) return undefined;
      const kept = JSON.parse(json) as Kept;
      if (kept.until + LEEWAY_MS < now()) return undefined;
      return kept.origin === undefined || kept.origin === origin ? kept.identity : undefined;
    },
  };
}
