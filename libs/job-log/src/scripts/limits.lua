-- How long a job may live, and how often it may be begun. What an older gateway accepted has no `endBy`.

-- When a job that is queued again must have been taken: a while from now, and before it must have ended.
local function queue_again(end_by, time, queue_ms)
  return string.format('%.0f', math.min(time + queue_ms, tonumber(end_by) or math.huge))
end

-- Until when a job must have been taken that waits for a usage limit to be lifted: that is time in the queue, and what it
-- may run is left whole. False when it is not known.
local function take_by(end_by, total_ms)
  return end_by and string.format('%.0f', tonumber(end_by) - tonumber(total_ms))
end

-- A pause that began at `paused_at` is over: its time does not count.
local function lengthen(record, paused_at, time)
  local end_by = paused_at and redis.call('HGET', record, 'endBy')
  if end_by then
    end_by = string.format('%.0f', tonumber(end_by) + time - tonumber(paused_at))
    redis.call('HSET', record, 'endBy', end_by)
  end
  return end_by or nil
end

-- Which limit a job passed that nobody took in time.
local function limit_of_queue(deadline, end_by)
  return deadline == end_by and 'total' or 'queue'
end
