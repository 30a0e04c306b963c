-- include: turns
-- A worker says how many slots it has.
--   KEYS 1 BullMQ's list `wait`
--   ARGV 1 worker, 2 its slots, or '' (it takes nothing any more), 3 for how long it is believed to be there (ms)
-- Returns {}
if ARGV[2] == '' then
  redis.call('HDEL', SLOTS, ARGV[1])
  redis.call('ZREM', WORKERS, ARGV[1])
else
  redis.call('HSET', SLOTS, ARGV[1], ARGV[2])
  redis.call('ZADD', WORKERS, exact(now + tonumber(ARGV[3])), ARGV[1])
end
hand_out_all(0)
return {}
