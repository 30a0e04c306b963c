-- include: shared
-- Extends the lease of an attempt.
--   KEYS 1 record
--   ARGV 1 fence, 2 leaseMs
-- Returns {'ok' | 'fenced' | 'terminal' | 'missing', who asked for cancel or '', '1' when the job is to be paused}
local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'cancelBy', 'pauseWish')
if not r[1] then
  return { 'missing', '', '' }
end
if is_terminal(r[1]) then
  return { 'terminal', '', '' }
end
if r[2] ~= ARGV[1] or r[1] ~= 'running' then -- @mutation fence
  return { 'fenced', '', '' }
end
redis.call('HSET', KEYS[1], 'lease', string.format('%.0f', tonumber(now_ms()) + tonumber(ARGV[2])))
return { 'ok', r[3] or '', r[4] or '' }
