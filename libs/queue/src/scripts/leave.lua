-- include: turns
-- Takes jobs out of the line of their tenant, and what would be in it later; not those that are handed out.
--   KEYS 1 BullMQ's list `wait`
--   ARGV 1 tenant, 2 jobId
-- Returns {how many it was}
local taken = redis.call('ZREM', line_of(ARGV[1]), ARGV[2]) + redis.call('ZREM', EARLY, ARGV[2])
redis.call('ZREM', WAITING, ARGV[2])
redis.call('HDEL', EARLY_JOBS, ARGV[2])
place(ARGV[1])
return { taken }
