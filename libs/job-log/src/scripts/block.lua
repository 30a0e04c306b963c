-- include: shared
-- Blocks a credential until a usage limit is lifted. Of several limits of one model the last one counts; a trial is over.
--   KEYS 1 block of the credential; its fields have the name of a model at their end, '' for all
--   ARGV 1 until when (Unix ms), 2 name of the limit, or '', 3 for how long after that it is kept at most (ms),
--        4… the models that it holds up
-- Returns {}
local ends = tonumber(ARGV[1])
for i = 4, #ARGV do
  local name = ARGV[i]
  local held = redis.call('HGET', KEYS[1], 'until:' .. name)
  if not held or tonumber(held) <= ends then
    redis.call('HSET', KEYS[1], 'until:' .. name, ARGV[1], 'limit:' .. name, ARGV[2])
    redis.call('HDEL', KEYS[1], 'trial:' .. name, 'trialEndsAt:' .. name)
  end
end
-- Others in it may be kept for longer.
local kept = ends + tonumber(ARGV[3])
if redis.call('PTTL', KEYS[1]) < kept - tonumber(now_ms()) then
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', kept))
end
return {}
