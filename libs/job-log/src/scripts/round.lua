-- include: shared
-- Gives out the next stretch of a round through all unfinished jobs. All gateways share the round, and its pace.
--   KEYS 1 due, 2 round
--   ARGV 1 how many (about), 2 how long until the next stretch (ms), 3 how long a round takes at least (ms)
-- Returns {jobId …}; nothing when it is too early
local now = tonumber(now_ms())
local round = redis.call('HMGET', KEYS[2], 'cursor', 'nextAt', 'beganAt')
if now < (tonumber(round[2]) or 0) then
  return {}
end
local cursor = round[1] or '0'
local began_at = cursor ~= '0' and tonumber(round[3]) or now
local scanned = redis.call('ZSCAN', KEYS[1], cursor, 'COUNT', ARGV[1])
local next_at = now + tonumber(ARGV[2])
if scanned[1] == '0' then
  next_at = math.max(next_at, began_at + tonumber(ARGV[3]))
end
redis.call('HSET', KEYS[2], 'cursor', scanned[1], 'nextAt', string.format('%.0f', next_at),
  'beganAt', string.format('%.0f', began_at))
local job_ids = {}
for i = 1, #scanned[2], 2 do
  job_ids[#job_ids + 1] = scanned[2][i]
end
return job_ids
