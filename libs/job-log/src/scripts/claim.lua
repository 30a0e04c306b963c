-- include: shared
-- Claims jobs that the sweeper must look at: one sweeper gets each. Should it die, they are due again after holdMs.
--   KEYS 1 due
--   ARGV 1 limit, 2 holdMs
-- Returns {now, jobId …}
local now = now_ms()
local claimed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1])
local held = string.format('%.0f', tonumber(now) + tonumber(ARGV[2]))
for _, job_id in ipairs(claimed) do
  redis.call('ZADD', KEYS[1], held, job_id)
end
table.insert(claimed, 1, now)
return claimed
