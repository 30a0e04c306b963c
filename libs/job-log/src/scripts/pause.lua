-- include: shared
-- Records that a job is to be paused, or is to go on; the last wish counts. The worker of a running job is told on the
-- control channel and, should that be lost, by its next append or renewal; another one learns of it when it begins.
--   KEYS 1 record
--   ARGV 1 tenant, 2 jobId, 3 control channel, 4 '1' to pause, '' to go on
-- Returns {'recorded' | 'terminal' | 'missing', status}; another tenant's job is missing
local r = redis.call('HMGET', KEYS[1], 'status', 'tenant')
local status = r[1]
if not status or r[2] ~= ARGV[1] then
  return { 'missing', '' }
end
if is_terminal(status) then
  return { 'terminal', status }
end
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'pauseWish', '1')
else
  redis.call('HDEL', KEYS[1], 'pauseWish')
end
if status == 'running' then
  redis.call('PUBLISH', ARGV[3], 'pause ' .. ARGV[2])
end
return { 'recorded', status }
