-- How workers take entries: as BullMQ does it with entries like those of turns.lua (moveToActive), but for its stream of events, and
-- for a marker that would wake a worker for nothing. Needs `turns`.

-- What only BullMQ's own script knows to take: what has a delay, or a priority of BullMQ's, as older gateways made it, and
-- limits that were set in the queue itself.
local function needs_bullmq()
  if redis.call('EXISTS', bull .. 'prioritized', bull .. 'delayed') > 0 then
    return true
  end
  local meta = redis.call('HMGET', bull .. 'meta', 'paused', 'concurrency', 'max')
  return (meta[1] or meta[2] or meta[3]) and true or false
end

-- Returns {jobId, when, why it is to fail (it was lost too often), or ''}; nothing when none waits.
local function take_entry(token, lock_ms)
  local job_id = redis.call('RPOPLPUSH', KEYS[1], bull .. 'active')
  if not job_id then
    return
  end
  local entry = bull .. job_id
  redis.call('SET', entry .. ':lock', token, 'PX', lock_ms)
  redis.call('HSET', entry, 'processedOn', exact(now))
  -- One that is taken for the first time has never been lost.
  local is_first = redis.call('HINCRBY', entry, 'ats', 1) == 1
  return { job_id, exact(now), not is_first and redis.call('HGET', entry, 'defa') or '' }
end

-- Wakes a worker if more waits, and otherwise none: whoever was woken for what is taken now would come for nothing.
local function wake_for_more()
  if redis.call('LLEN', KEYS[1]) > 0 then
    redis.call('ZADD', bull .. 'marker', 0, '0')
  else
    redis.call('ZREM', bull .. 'marker', '0')
  end
end
