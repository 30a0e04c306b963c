-- include: shared
-- Writes the record of an accepted job and the first event of its log. Idempotent: a job that is there stays.
--   KEYS 1 record, 2 log
--   ARGV 1 channel, 2 jobId, 3 epoch, 4 tenant, 5 spec (JSON), 6 queueMs, 7 totalMs, 8 retry, 9 body of `queued`,
--        10 now: the job's score in the list of jobs, so that list and record give one order,
--        11 priority, 12 onDisconnect, 13 metadata (JSON) or '': apart from the spec, because lists show it,
--        14 maxAttempts, 15 until when it may be created, or '', 16 hash of its idempotency key, or ''
-- Returns {'created' | 'exists', epoch, status}; 'created' also to the same epoch again: the reply was lost. {'lapsed'}
-- when it is not there and may not be created any more
local found = redis.call('HMGET', KEYS[1], 'epoch', 'status')
if found[1] then
  return { found[1] == ARGV[3] and 'created' or 'exists', found[1], found[2] }
end
if ARGV[15] ~= '' and tonumber(now_ms()) > tonumber(ARGV[15]) then
  return { 'lapsed' }
end
local now = ARGV[10]
redis.call('HSET', KEYS[1],
  'epoch', ARGV[3], 'tenant', ARGV[4], 'status', 'queued', 'fence', 0, 'seq', 1, 'spec', ARGV[5],
  'totalMs', ARGV[7], 'retry', ARGV[8], 'priority', ARGV[11], 'onDisconnect', ARGV[12], 'createdAt', now,
  'deadline', string.format('%.0f', tonumber(now) + tonumber(ARGV[6])),
  'endBy', string.format('%.0f', tonumber(now) + tonumber(ARGV[6]) + tonumber(ARGV[7])),
  'attempts', 0, 'maxAttempts', ARGV[14])
if ARGV[13] ~= '' then
  redis.call('HSET', KEYS[1], 'metadata', ARGV[13])
end
if ARGV[16] ~= '' then
  redis.call('HSET', KEYS[1], 'keyHash', ARGV[16])
end
redis.call('DEL', KEYS[2])
append_events(KEYS[2], ARGV[1], ARGV[2], ARGV[3], 0, 0, 'queued', now, { ARGV[9] })
return { 'created', ARGV[3], 'queued' }
