-- Counts lines of a batch whose jobs have ended, each once. When all have, the batch is kept as long as a job that ends now;
-- until then it is kept anew whenever somebody looks.
--   KEYS 1 batch, 2 its lines, 3 those that are unfinished
--   ARGV 1 ttlMs, 2 retentionMs, then two for each line: its number, how its job has ended
-- Returns {}
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
for i = 3, #ARGV, 2 do
  if redis.call('ZREM', KEYS[3], ARGV[i]) == 1 then
    redis.call('HINCRBY', KEYS[1], ARGV[i + 1], 1)
  end
end
local is_over = redis.call('HEXISTS', KEYS[1], 'sha256') == 1 and redis.call('EXISTS', KEYS[3]) == 0
if not is_over then
  for i = 1, 3 do
    redis.call('PEXPIRE', KEYS[i], ARGV[1])
  end
elseif #ARGV > 2 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
return {}
