-- include: shared
-- Puts a job that has ended where such jobs are listed, and takes it out of all that is about others. Its webhook, where it has
-- one, is due now: in one step, so that an ending that is to be told is always in one of the two indexes.
--   KEYS 1 jobs of the tenant, 2 unfinished, 3 live, 4 those that ended so, 5 expiring, 6 due, 7 claimed, 8 webhooks
--   ARGV 1 jobId, 2 retentionMs
-- Returns {}
local now = now_ms()
local created = redis.call('ZSCORE', KEYS[1], ARGV[1])
if created then
  redis.call('ZADD', KEYS[4], created, ARGV[1])
  redis.call('ZADD', KEYS[5], 'NX', string.format('%.0f', tonumber(now) + tonumber(ARGV[2])), ARGV[1])
end
for _, index in ipairs({ KEYS[2], KEYS[3], KEYS[6], KEYS[7] }) do
  redis.call('ZREM', index, ARGV[1])
end
redis.call('ZADD', KEYS[8], 'XX', 'LT', now, ARGV[1])
return {}
