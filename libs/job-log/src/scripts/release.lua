-- include: shared, limits
-- Hands a running job back: it is queued again; one that is limited waits until `notBefore`. The fence rises, so that the attempt that gave it up writes nothing more.
--   KEYS 1 record
--   ARGV 1 fence, 2 queueMs, 3 '1' when its work had begun: then the attempt counts
-- Returns {'ok' | 'fenced' | 'terminal' | 'missing' | 'cancel_requested', with 'ok' the tenant}
local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancelBy', 'pausedAt', 'endBy', 'totalMs', 'notBefore', 'tenant')
if not r[1] then
  return { 'missing' }
end
if is_terminal(r[1]) then
  return { 'terminal' }
end
if r[2] ~= ARGV[1] or r[1] ~= 'running' then
  return { 'fenced' }
end
if r[3] then
  return { 'cancel_requested' }
end
local time = tonumber(now_ms())
local end_by = lengthen(KEYS[1], r[4], time) or r[5]
redis.call('HSET', KEYS[1], 'status', 'queued', 'fence', tonumber(r[2]) + 1,
  'deadline', r[7] and take_by(end_by, r[6]) or queue_again(end_by, time, tonumber(ARGV[2])))
if ARGV[3] ~= '1' then
  redis.call('HINCRBY', KEYS[1], 'attempts', -1)
end
redis.call('HDEL', KEYS[1], 'pausedAt', 'leftMs')
return { 'ok', r[8] }
