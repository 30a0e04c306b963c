-- include: shared
-- Takes a job that has ended out of the index of what is due. Its webhook, where it has one, is due now: in one step, so that
-- an ending that is to be told is always in one of the two indexes.
--   KEYS 1 due, 2 claimed, 3 webhooks
--   ARGV 1 jobId
-- Returns {}
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('ZADD', KEYS[3], 'XX', 'LT', now_ms(), ARGV[1])
return {}
