-- include: shared
-- Says when a job must be looked at: for its lease or deadline, and for its queue entry.
--   KEYS 1 due, 2 unqueued
--   ARGV 1 jobId, 2 delayMs from now, 3 'NX' (a new job) or 'LT' (never later than it stands),
--        4 delayMs until its queue entry is looked for, or '' (it has one)
-- Returns {now, 1 when it was in an index}
local now, was_there = now_ms(), 0
local function schedule(index, delay)
  if redis.call('ZADD', index, ARGV[3], string.format('%.0f', tonumber(now) + tonumber(delay)), ARGV[1]) == 0 then
    was_there = 1
  end
end
schedule(KEYS[1], ARGV[2])
if ARGV[4] ~= '' then
  schedule(KEYS[2], ARGV[4])
end
return { now, was_there }
