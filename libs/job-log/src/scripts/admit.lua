-- include: shared
-- Whether a job may ask the model with a credential now.
--   KEYS 1 block of the credential
--   ARGV 1 jobId, 2 for how long a trial keeps others waiting (ms)
-- Returns {code, …}
--   'open'                   nothing is known against it
--   'blocked', until, limit  a usage limit is reached; `limit` is '' when it has no name
--   'trial'                  the limit should be lifted, and this job is the one that tries: it says how that went
--   'others_trial'           another job does
local b = redis.call('HMGET', KEYS[1], 'until', 'limit', 'trial', 'trialEndsAt')
if not b[1] then
  return { 'open' }
end
local time = tonumber(now_ms())
if time < tonumber(b[1]) then
  return { 'blocked', b[1], b[2] }
end
if b[3] and b[3] ~= ARGV[1] and tonumber(b[4]) > time then
  return { 'others_trial' }
end
redis.call('HSET', KEYS[1], 'trial', ARGV[1], 'trialEndsAt', string.format('%.0f', time + tonumber(ARGV[2])))
return { 'trial' }
