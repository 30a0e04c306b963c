-- include: shared
-- Names a job that is about to get its record in the indexes. A job that stands in them is left where it is.
--   KEYS 1 due, 2 unqueued, 3 jobs of its tenant, 4 tenants, 5 webhooks
--   ARGV 1 jobId, 2 ms from now when it must be looked at, 3 ms from now when its queue entry is looked for, 4 tenant,
--        5 ms from now when its webhook is looked for should nobody say that it has ended, or '' (it has none)
-- Returns {now, 1 when it was to be looked at already}
local now = now_ms()
local is_new = redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', tonumber(now) + tonumber(ARGV[2])), ARGV[1])
local has_no_entry = redis.call('ZADD', KEYS[2], 'NX', string.format('%.0f', tonumber(now) + tonumber(ARGV[3])), ARGV[1])
redis.call('ZADD', KEYS[3], 'NX', now, ARGV[1])
redis.call('SADD', KEYS[4], ARGV[4])
if ARGV[5] ~= '' then
  redis.call('ZADD', KEYS[5], 'NX', string.format('%.0f', tonumber(now) + tonumber(ARGV[5])), ARGV[1])
end
return { now, (is_new == 0 or has_no_entry == 0) and 1 or 0 }
