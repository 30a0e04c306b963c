-- Says how a trial went: the model answered, and the credential is free, or it told nothing, and another job may try.
-- What a job says whose trial is over counts for nothing.
--   KEYS 1 block of the credential
--   ARGV 1 jobId, 2 '1' when the model answered
-- Returns {}
if redis.call('HGET', KEYS[1], 'trial') ~= ARGV[1] then
  return {}
end
if ARGV[2] == '1' then
  redis.call('DEL', KEYS[1])
else
  redis.call('HDEL', KEYS[1], 'trial', 'trialEndsAt')
end
return {}
