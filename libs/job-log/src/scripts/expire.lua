-- include: shared, ledger
-- Frees what the output of jobs takes whose record is gone, and the places of gateways whose lease has lapsed.
--   KEYS 1 ledger, 2 what the output of jobs takes, 3 jobs with such that have ended, by when it is gone, 4 gateways by when their
--        lease lapses, 5 what the keys of their places begin with
--   ARGV 1 how many jobs at most, 2… further ones
-- Returns {of how many jobs}
local now, freed = now_ms(), 0
free_places(KEYS[1], KEYS[4], KEYS[5], now)
for _, job_id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, ARGV[1])) do
  redis.call('ZREM', KEYS[3], job_id)
  freed = freed + free_output(KEYS[1], KEYS[2], job_id)
end
for i = 2, #ARGV do
  freed = freed + free_output(KEYS[1], KEYS[2], ARGV[i])
end
return { freed }
