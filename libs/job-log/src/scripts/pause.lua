-- include: shared
-- Records that a job is to be paused, or is to go on; the last wish counts. The worker of a running job is told on the
-- control channel and, should that be lost, by its next append or renewal; another one learns of it when it begins.
--   KEYS 1 record
--   ARGV 1 jobId, 2 control channel, 3 '1' to pause, '' to go on
-- Returns {'recorded' | 'terminal' | 'missing', status}
local status = redis.call('HGET', KEYS[1], 'status')
if not status then
  return { 'missing', '' }
end
if is_terminal(status) then
  return { 'terminal', status }
end
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'pauseWish', '1')
else
  redis.call('HDEL', KEYS[1], 'pauseWish')
end
if status == 'running' then
  redis.call('PUBLISH', ARGV[2], 'pause ' .. ARGV[1])
end
return { 'recorded', status }
