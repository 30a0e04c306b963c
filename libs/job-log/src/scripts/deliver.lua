-- Keeps how far the delivery of a job's webhook has come; not when others were first, or the record is gone.
--   KEYS 1 record
--   ARGV 1 what was there when it was read, or '', 2 what is to be there
-- Returns {1 when it is kept, else 0}
local r = redis.call('HMGET', KEYS[1], 'status', 'delivery')
if not r[1] or (r[2] or '') ~= ARGV[1] then
  return { 0 }
end
redis.call('HSET', KEYS[1], 'delivery', ARGV[2])
return { 1 }
