-- Blocks a credential until a usage limit is lifted. Of several limits the last one counts; a trial is over.
--   KEYS 1 block of the credential
--   ARGV 1 until when (Unix ms), 2 name of the limit, or '', 3 for how long after that it is kept at most (ms)
-- Returns {}
local held = redis.call('HGET', KEYS[1], 'until')
if held and tonumber(held) > tonumber(ARGV[1]) then
  return {}
end
redis.call('HSET', KEYS[1], 'until', ARGV[1], 'limit', ARGV[2])
redis.call('HDEL', KEYS[1], 'trial', 'trialEndsAt')
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', tonumber(ARGV[1]) + tonumber(ARGV[3])))
return {}
