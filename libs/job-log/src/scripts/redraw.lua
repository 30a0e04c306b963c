-- include: shared
-- Gives a tenant's webhooks another secret, and lets the one of now be good for a while. A secret is known by when it was drawn, Redis's
-- clock (ms), 0 being the first.
--   KEYS 1 hash by tenant: 'drawnAt' or 'drawnAt before until'
--   ARGV 1 tenant, 2 how long the one of now is good (ms)
-- Returns {when it was drawn, when the one before was, until when that is good}
local now = tonumber(now_ms())
local before = tonumber(string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '0', '^%d+'))
local drawn_at = string.format('%.0f', math.max(now, before + 1))
local last = string.format('%.0f', before)
local ends = string.format('%.0f', now + tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], ARGV[1], drawn_at .. ' ' .. last .. ' ' .. ends)
return { drawn_at, last, ends }
