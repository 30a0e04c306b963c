-- Says of a job whether its status may change at any moment: an attempt has it, or it is about to be cancelled.
--   KEYS 1 jobs of the tenant, 2 those of them that are live
--   ARGV 1 jobId, 2 '1', or '' when it only waits
-- Returns {}
local created = ARGV[2] == '1' and redis.call('ZSCORE', KEYS[1], ARGV[1])
if created then
  redis.call('ZADD', KEYS[2], created, ARGV[1])
elseif ARGV[2] == '' then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return {}
