-- include: shared
-- Says that all of a batch has come, or that it is cancelled.
--   KEYS 1 batch
--   ARGV 1 tenant, 2 SHA-256 of its body, or '' (it is cancelled)
-- Returns {'changed' | 'missing'}; another tenant's batch is missing
if redis.call('HGET', KEYS[1], 'tenant') ~= ARGV[1] then
  return { 'missing' }
end
if ARGV[2] == '' then
  redis.call('HSETNX', KEYS[1], 'cancelledAt', now_ms())
else
  redis.call('HSET', KEYS[1], 'sha256', ARGV[2])
end
return { 'changed' }
