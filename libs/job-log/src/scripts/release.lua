-- include: shared
-- Hands a running job back: it is queued again. The fence rises, so that the attempt that gave it up writes nothing more.
--   KEYS 1 record
--   ARGV 1 fence, 2 queueMs
-- Returns {'ok' | 'fenced' | 'terminal' | 'missing' | 'cancel_requested'}
local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancelBy')
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
redis.call('HSET', KEYS[1], 'status', 'queued', 'fence', tonumber(r[2]) + 1,
  'deadline', string.format('%.0f', tonumber(now_ms()) + tonumber(ARGV[2])))
redis.call('HDEL', KEYS[1], 'pausedAt', 'leftMs')
return { 'ok' }
