-- Takes out of a tenant's list of jobs what expired long ago; a tenant without jobs is forgotten until the next one.
--   KEYS 1 jobs of the tenant, 2 tenants
--   ARGV 1 tenant, 2 newest creation time to take out (ms)
-- Returns {how many were taken out}
local pruned = redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[2])
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SREM', KEYS[2], ARGV[1])
end
return { pruned }
