-- include: shared
-- Claims jobs that are due: one sweeper gets each, and another one after holdMs, if nothing has become of it. What is
-- claimed stands apart, so that a job that becomes due while it is looked at becomes due again.
--   KEYS 1 index, 2 those of it that are claimed; the same set where nothing but sweepers makes jobs due
--   ARGV 1 limit, 2 holdMs
-- Returns {now, until when they are held, jobId …}
local now = now_ms()
local limit, held = tonumber(ARGV[1]), string.format('%.0f', tonumber(now) + tonumber(ARGV[2]))
local reply = { now, held }
for _, index in ipairs({ KEYS[2], KEYS[1] }) do
  local due = redis.call('ZRANGEBYSCORE', index, '-inf', now, 'LIMIT', 0, limit + 2 - #reply)
  for _, job_id in ipairs(due) do
    redis.call('ZREM', index, job_id)
    redis.call('ZADD', KEYS[2], held, job_id)
    reply[#reply + 1] = job_id
  end
end
return reply
