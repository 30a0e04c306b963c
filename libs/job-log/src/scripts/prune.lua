-- Takes jobs that are gone out of a tenant's list; a tenant without jobs is forgotten until the next one.
--   KEYS 1 jobs of the tenant, 2 tenants
--   ARGV 1 tenant, 2… ids of jobs to take out
-- Returns {how many were taken out}
local pruned = 0
for i = 2, #ARGV do
  pruned = pruned + redis.call('ZREM', KEYS[1], ARGV[i])
end
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('SREM', KEYS[2], ARGV[1])
end
return { pruned }
