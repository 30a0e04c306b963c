-- include: shared
-- Ends claims: says when each job must be looked at next, never later than it stands meanwhile. A job that was taken
-- out, or that another sweeper has claimed since, is left as it is.
--   KEYS 1 due, 2 claimed, 3 unqueued, 4 webhooks
--   ARGV 1 until when they were held, then three for each job: 1 jobId,
--        2 when, or '' (no more, unless others say so meanwhile: it has ended, or had no record; its webhook is due then),
--        3 '1' when the queue may not have it
-- Returns {}
local now = now_ms()
for i = 2, #ARGV, 3 do
  local job_id, at = ARGV[i], ARGV[i + 1]
  if tonumber(redis.call('ZSCORE', KEYS[2], job_id)) == tonumber(ARGV[1]) then
    redis.call('ZREM', KEYS[2], job_id)
    if at ~= '' then
      redis.call('ZADD', KEYS[1], 'LT', at, job_id)
    else
      redis.call('ZADD', KEYS[4], 'XX', 'LT', now, job_id)
    end
    if ARGV[i + 2] == '1' then
      redis.call('ZADD', KEYS[3], 'LT', now, job_id)
    end
  end
end
return {}
