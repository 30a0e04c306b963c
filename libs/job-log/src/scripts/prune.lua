-- Takes jobs that are gone out of a tenant's indexes; a tenant without jobs is forgotten until the next one.
--   KEYS 1 tenants, 2 jobs of the tenant, 3 texts, 4 filed, 5… the other indexes of the tenant
--   ARGV 1 tenant, 2… ids of jobs to take out
-- Returns {how many were taken out}
local pruned = 0
for i = 2, #ARGV do
  local created = redis.call('ZSCORE', KEYS[2], ARGV[i])
  for _, name in ipairs(created and redis.call('ZRANGE', KEYS[3], created, created, 'BYSCORE') or {}) do
    if string.match(name, '^%S+') == ARGV[i] then
      redis.call('ZREM', KEYS[3], name)
    end
  end
  pruned = pruned + redis.call('ZREM', KEYS[2], ARGV[i])
  redis.call('HDEL', KEYS[4], ARGV[i])
  for k = 5, #KEYS do
    redis.call('ZREM', KEYS[k], ARGV[i])
  end
end
if redis.call('EXISTS', KEYS[2]) == 0 then
  redis.call('SREM', KEYS[1], ARGV[1])
end
return { pruned }
