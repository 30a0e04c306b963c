-- include: shared
-- Blocks a credential until a usage limit is lifted. Of several limits of one model the last one counts; a trial is over.
--   KEYS 1 block of the credential; its fields have the name of a model at their end, '' for all, 2 the credentials with one
--   ARGV 1 credential, 2 until when (Unix ms), 3 name of the limit, or '', 4 for how long after that it is kept at most (ms),
--        5… the models that it holds up
-- Returns {}
local ends, time = tonumber(ARGV[2]), tonumber(now_ms())
for i = 5, #ARGV do
  local name = ARGV[i]
  local held = redis.call('HGET', KEYS[1], 'until:' .. name)
  if not held or tonumber(held) <= ends then
    redis.call('HSET', KEYS[1], 'until:' .. name, ARGV[2], 'limit:' .. name, ARGV[3])
    redis.call('HDEL', KEYS[1], 'trial:' .. name, 'trialEndsAt:' .. name)
  end
end
-- Others in it may be kept for longer.
local function keep(key, at)
  if redis.call('PTTL', key) < at - time then
    redis.call('PEXPIREAT', key, string.format('%.0f', at))
  end
end
keep(KEYS[1], ends + tonumber(ARGV[4]))
local expires = time + redis.call('PTTL', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', time))
redis.call('ZADD', KEYS[2], string.format('%.0f', expires), ARGV[1])
keep(KEYS[2], expires)
return {}
