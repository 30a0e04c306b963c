-- What a pause does to the record of a job.

-- While a job is paused, its deadline is the end of the pause, and `leftMs` keeps what was left of its time. A refusal
-- drops the wish, which is then again what the job is. Needs `limits`.
-- Returns the wish: '1' when the job is to be paused, else ''
local function change_pause(record, change, limit, time)
  local p = redis.call('HMGET', record, 'pausedAt', 'leftMs', 'deadline', 'pauseWish')
  local function set(...)
    redis.call('HSET', record, ...)
  end
  if change == 'paused' then
    if not p[1] then
      set('pausedAt', string.format('%.0f', time), 'leftMs', string.format('%.0f', tonumber(p[3]) - time))
    end
    set('deadline', string.format('%.0f', time + limit))
  elseif change == 'resumed' and p[1] then
    set('deadline', string.format('%.0f', time + tonumber(p[2])))
    redis.call('HDEL', record, 'pausedAt', 'leftMs')
    lengthen(record, p[1], time)
  elseif change == 'refused' and p[1] then
    set('pauseWish', '1')
    return '1'
  elseif change == 'refused' then
    redis.call('HDEL', record, 'pauseWish')
    return ''
  end
  return p[4] or ''
end
