-- include: shared
-- Whether a job may ask a model with a credential now.
--   KEYS 1 block of the credential; its fields have the name of a model at their end, '' for all
--   ARGV 1 jobId, 2 for how long a trial keeps others waiting (ms), 3… whose limits concern the job
-- Returns {code, …}
--   'open'                   nothing is known against it
--   'blocked', until, limit  a usage limit is reached, of several the last to be lifted; `limit` is '' when it has no name
--   'trial'                  the limit should be lifted, and this job is the one that tries: it says how that went
--   'others_trial'           another job does
local time = tonumber(now_ms())
local latest, limit, due, is_others = 0, '', {}, false
for i = 3, #ARGV do
  local name = ARGV[i]
  local b = redis.call('HMGET', KEYS[1], 'until:' .. name, 'limit:' .. name, 'trial:' .. name, 'trialEndsAt:' .. name)
  local ends = tonumber(b[1])
  if ends and time < ends then
    if ends > latest then
      latest, limit = ends, b[2]
    end
  elseif ends then
    due[#due + 1] = name
    is_others = is_others or (b[3] and b[3] ~= ARGV[1] and tonumber(b[4]) > time)
  end
end
if latest > 0 then
  return { 'blocked', string.format('%.0f', latest), limit }
end
if #due == 0 then
  return { 'open' }
end
if is_others then
  return { 'others_trial' }
end
for _, name in ipairs(due) do
  redis.call('HSET', KEYS[1], 'trial:' .. name, ARGV[1],
    'trialEndsAt:' .. name, string.format('%.0f', time + tonumber(ARGV[2])))
end
return { 'trial' }
