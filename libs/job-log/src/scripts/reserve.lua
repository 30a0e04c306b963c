-- include: shared
-- Gives an idempotency key to a job, or tells whose it is.
--   KEYS 1 the key
--   ARGV 1 jobId, 2 payload hash, 3 ttlMs, 4 the value whose place it may take, or '' (none),
--        5 since when it is to be the job's, or '' (now)
-- Returns {value, now}; the value is 'jobId payloadHash since'
local now = now_ms()
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[4] then
  return { held, now }
end
local value = ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. (ARGV[5] ~= '' and ARGV[5] or now)
redis.call('SET', KEYS[1], value, 'PX', ARGV[3])
return { value, now }
