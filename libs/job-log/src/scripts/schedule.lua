-- include: shared
-- Says when the sweeper must look at a job.
--   KEYS 1 due
--   ARGV 1 jobId, 2 delayMs from now, 3 'NX' (a new job) or 'LT' (never later than it stands)
-- Returns {now}
local now = now_ms()
redis.call('ZADD', KEYS[1], ARGV[3], string.format('%.0f', tonumber(now) + tonumber(ARGV[2])), ARGV[1])
return { now }
