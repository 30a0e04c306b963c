-- Says how a trial went: the model answered, and what was tried is free, or it told nothing, and another job may try.
-- What a job says whose trial is over counts for nothing.
--   KEYS 1 block of the credential; its fields have the name of a model at their end, '' for all, 2 the credentials with one
--   ARGV 1 credential, 2 jobId, 3 '1' when the model answered, 4… whose limits concern the job
-- Returns {}
for i = 4, #ARGV do
  local name = ARGV[i]
  if redis.call('HGET', KEYS[1], 'trial:' .. name) == ARGV[2] then
    redis.call('HDEL', KEYS[1], 'trial:' .. name, 'trialEndsAt:' .. name)
    if ARGV[3] == '1' then
      redis.call('HDEL', KEYS[1], 'until:' .. name, 'limit:' .. name)
    end
  end
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('ZREM', KEYS[2], ARGV[1])
end
return {}
