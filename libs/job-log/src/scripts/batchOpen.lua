-- include: shared
-- Makes a batch; one that is there stays.
--   KEYS 1 batch
--   ARGV 1 tenant, 2 ttlMs
-- Returns {}
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'tenant', ARGV[1], 'createdAt', now_ms())
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return {}
