-- Says what became of a line of a batch. A line that has its job keeps it; a refused one may get one when it is sent again.
--   KEYS 1 batch, 2 its lines, 3 those that are unfinished
--   ARGV 1 ttlMs, 2 line, 3 jobId, or error (JSON)
-- Returns {'noted' | 'cancelled' (noted, and the batch is cancelled) | 'other' (the line has another job) | 'missing'}
if redis.call('EXISTS', KEYS[1]) == 0 then
  return { 'missing' }
end
local held = redis.call('HGET', KEYS[2], ARGV[2])
local is_refusal = string.sub(ARGV[3], 1, 1) == '{'
if held and string.sub(held, 1, 1) ~= '{' then
  if held ~= ARGV[3] then
    return { 'other' }
  end
elseif held ~= ARGV[3] then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
  if held then
    redis.call('HINCRBY', KEYS[1], 'refused', -1)
  end
  if is_refusal then
    redis.call('HINCRBY', KEYS[1], 'refused', 1)
  else
    redis.call('ZADD', KEYS[3], ARGV[2], ARGV[2])
  end
  local last = tonumber(redis.call('HGET', KEYS[1], 'lastLine') or 0)
  redis.call('HSET', KEYS[1], 'lastLine', math.max(last, tonumber(ARGV[2])))
end
for i = 1, 3 do
  redis.call('PEXPIRE', KEYS[i], ARGV[1])
end
return { redis.call('HEXISTS', KEYS[1], 'cancelledAt') == 1 and 'cancelled' or 'noted' }
