-- Where a job is named beside its record.

-- Names a job in the indexes; `k` are the keys of announce.lua, `a` its arguments. A job that stands in them is left where it is.
-- Returns 1 when it was to be looked at already, otherwise 0.
local function enter_indexes(k, a, now)
  local function enter(index, delay)
    return redis.call('ZADD', index, 'NX', string.format('%.0f', tonumber(now) + tonumber(delay)), a[1])
  end
  local is_new, has_no_entry = enter(k[1], a[2]), enter(k[2], a[3])
  redis.call('ZADD', k[3], 'NX', now, a[1])
  redis.call('SADD', k[4], a[4])
  if a[5] ~= '' then
    enter(k[5], a[5])
  end
  redis.call('ZADD', k[6], 'NX', 0, a[1])
  -- By when it was created they are all ordered alike.
  local created = redis.call('ZSCORE', k[3], a[1])
  redis.call('ZADD', k[7], 'NX', created, a[1])
  if a[6] ~= '' then
    redis.call('ZADD', k[8], 'NX', created, a[1] .. ' ' .. a[6])
  end
  if a[7] ~= '' then
    redis.call('HSET', k[9], a[1], a[7])
  end
  for i = 12, #k do
    redis.call('ZADD', k[i], 'NX', created, a[1])
  end
  return (is_new == 0 or has_no_entry == 0) and 1 or 0
end
