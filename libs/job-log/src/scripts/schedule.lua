-- include: shared
-- Says when a job must be looked at: for its lease or deadline, and for its queue entry; never later than it stands.
--   KEYS 1 due, 2 unqueued
--   ARGV 1 jobId, 2 delayMs from now, 3 delayMs until its queue entry is looked for, or '' (it has one)
-- Returns {}
local now = tonumber(now_ms())
local function schedule(index, delay)
  redis.call('ZADD', index, 'LT', string.format('%.0f', now + tonumber(delay)), ARGV[1])
end
schedule(KEYS[1], ARGV[2])
if ARGV[3] ~= '' then
  schedule(KEYS[2], ARGV[3])
end
return {}
