-- include: shared
-- Writes the record of an accepted job and the first event of its log. Idempotent: a job that is there stays.
--   KEYS 1 record, 2 log
--   ARGV 1 channel, 2 epoch, 3 tenant, 4 spec (JSON), 5 queueMs, 6 totalMs, 7 retry, 8 body of `queued`,
--        9 now: the job's score in the list of jobs, so that list and record give one order,
--        10 priority, 11 onDisconnect, 12 metadata (JSON) or '': apart from the spec, because lists show it,
--        13 maxAttempts, 14 until when it may be created, or '', 15 hash of its idempotency key, or '',
--        16 the job that it asks for once more, or '', 17 webhook (JSON), or ''
-- Returns {'created' | 'exists', epoch, status}; 'created' also to the same epoch again: the reply was lost. {'lapsed'}
-- when it is not there and may not be created any more
local found = redis.call('HMGET', KEYS[1], 'epoch', 'status')
if found[1] then
  return { found[1] == ARGV[2] and 'created' or 'exists', found[1], found[2] }
end
if ARGV[14] ~= '' and tonumber(now_ms()) > tonumber(ARGV[14]) then
  return { 'lapsed' }
end
local now = ARGV[9]
redis.call('HSET', KEYS[1],
  'epoch', ARGV[2], 'tenant', ARGV[3], 'status', 'queued', 'fence', 0, 'seq', 1, 'spec', ARGV[4],
  'totalMs', ARGV[6], 'retry', ARGV[7], 'priority', ARGV[10], 'onDisconnect', ARGV[11], 'createdAt', now,
  'deadline', string.format('%.0f', tonumber(now) + tonumber(ARGV[5])),
  'endBy', string.format('%.0f', tonumber(now) + tonumber(ARGV[5]) + tonumber(ARGV[6])),
  'attempts', 0, 'maxAttempts', ARGV[13])
if ARGV[12] ~= '' then
  redis.call('HSET', KEYS[1], 'metadata', ARGV[12])
end
if ARGV[15] ~= '' then
  redis.call('HSET', KEYS[1], 'keyHash', ARGV[15])
end
if ARGV[16] ~= '' then
  redis.call('HSET', KEYS[1], 'rerunOf', ARGV[16])
end
if ARGV[17] ~= '' then
  redis.call('HSET', KEYS[1], 'webhook', ARGV[17])
end
redis.call('DEL', KEYS[2])
append_batch(KEYS[2], ARGV[1], ARGV[2], 0, 0, 'queued', now, 1, ARGV[8])
return { 'created', ARGV[2], 'queued' }
