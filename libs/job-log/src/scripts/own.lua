-- Reads what a tenant has. What is another's is not read: it takes as long, and looks, as what is missing.
--   KEYS 1 record, or batch
--   ARGV 1 tenant, then the fields
-- Returns their values, or {} when it is missing, or another tenant's
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[1] then
  return {}
end
return redis.call('HMGET', KEYS[1], unpack(ARGV, 2))
