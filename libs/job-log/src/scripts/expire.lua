-- include: shared, ledger
-- Frees what the output of jobs takes whose record is gone.
--   KEYS 1 ledger, 2 what the output of jobs takes, 3 jobs with such that have ended, by when it is gone
--   ARGV 1 how many at most, 2… further ones
-- Returns {how many it has freed}
local freed = 0
for _, job_id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now_ms(), 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', KEYS[3], job_id)
  freed = freed + free_output(KEYS[1], KEYS[2], job_id)
end
for i = 2, #ARGV do
  freed = freed + free_output(KEYS[1], KEYS[2], ARGV[i])
end
return { freed }
