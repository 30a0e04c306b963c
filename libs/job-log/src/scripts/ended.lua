-- include: shared
-- Puts a job that has ended where such jobs are listed, and takes it out of all that is about others. Its webhook, where it has
-- one, is due now: in one step, so that an ending that is to be told is always in one of the two indexes.
--   KEYS 1 jobs of the tenant, 2 unfinished, 3 live, 4 those that ended so, 5 expiring, 6 due, 7 claimed, 8 webhooks,
--        9 filed, 10 those of the conversation that it leaves, if any
--   ARGV 1 jobId, 2 retentionMs, 3 what files it under that conversation (JSON), or ''
-- Returns {}
local now = now_ms()
local created = redis.call('ZSCORE', KEYS[1], ARGV[1])
if created then
  redis.call('ZADD', KEYS[4], created, ARGV[1])
  redis.call('ZADD', KEYS[5], 'NX', string.format('%.0f', tonumber(now) + tonumber(ARGV[2])), ARGV[1])
end
if created and ARGV[3] ~= '' then
  local filed = redis.call('HGET', KEYS[9], ARGV[1]) or '[]'
  if not string.find(filed, ARGV[3], 1, true) then
    local before = filed == '[]' and '[' or string.sub(filed, 1, -2) .. ','
    redis.call('HSET', KEYS[9], ARGV[1], before .. ARGV[3] .. ']')
  end
  redis.call('ZADD', KEYS[10], created, ARGV[1])
end
for _, index in ipairs({ KEYS[2], KEYS[3], KEYS[6], KEYS[7] }) do
  redis.call('ZREM', index, ARGV[1])
end
redis.call('ZADD', KEYS[8], 'XX', 'LT', now, ARGV[1])
return {}
