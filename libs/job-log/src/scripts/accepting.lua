-- The record of an accepted job, `a` being the arguments of create.lua.

-- What to answer when there is a record, or may be none any more; otherwise nothing.
local function find_record(record, a)
  local found = redis.call('HMGET', record, 'epoch', 'status')
  if found[1] then
    return { found[1] == a[2] and 'created' or 'exists', found[1], found[2] }
  end
  if a[14] ~= '' and tonumber(now_ms()) > tonumber(a[14]) then
    return { 'lapsed' }
  end
end

local function write_record(record, log, a, now)
  local deadline = tonumber(now) + tonumber(a[5])
  local fields = { 'epoch', a[2], 'tenant', a[3], 'status', 'queued', 'fence', 0, 'seq', 1, 'spec', a[4],
    'totalMs', a[6], 'retry', a[7], 'priority', a[10], 'onDisconnect', a[11], 'createdAt', now,
    'deadline', string.format('%.0f', deadline), 'endBy', string.format('%.0f', deadline + tonumber(a[6])),
    'attempts', 0, 'maxAttempts', a[13] }
  for name, value in pairs({ metadata = a[12], keyHash = a[15], rerunOf = a[16], webhook = a[17], title = a[18], traceparent = a[19], outputOf = a[20] }) do
    if value ~= '' then
      fields[#fields + 1], fields[#fields + 2] = name, value
    end
  end
  redis.call('HSET', record, unpack(fields))
  redis.call('DEL', log)
  append_batch(log, a[1], a[2], 0, 0, 'queued', now, 1, a[8])
  return { 'created', a[2], 'queued' }
end
