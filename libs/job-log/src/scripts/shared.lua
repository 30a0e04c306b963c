-- The clock, what is terminal, and how events get into a log.

-- Redis's clock in ms, as a string: Lua would print so large a number as 1.79e+12.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
end

local function is_terminal(status)
  return status ~= 'queued' and status ~= 'running'
end

-- Appends event bodies (JSON objects) to the log, gives each its head, and publishes them all as one
-- message: the line "epoch firstSeq lastSeq status", then one event a line (JSON holds no raw line feed). A message over
-- 1 MiB would fill the subscribers' buffers: then only the first line goes out, and they read the log.
-- Returns the last seq, and how many bytes the events have. Raises what PUBLISH says, to whom it is not allowed, and appends nothing then: the caller has
-- not written the new seq yet, and the next event would stand at the wrong index.
local function append_events(log, channel, job_id, epoch, attempt, seq, status, now, bodies)
  local first = seq + 1
  local head = '{"jobId":"' .. job_id .. '","epoch":"' .. epoch .. '","seq":'
  local tail = ',"attempt":' .. attempt .. ',"time":' .. now .. ','
  local events, bytes = {}, 0
  for i = 1, #bodies do
    seq = seq + 1
    local event = head .. string.format('%d', seq) .. tail .. string.sub(bodies[i], 2)
    events[i] = event
    bytes = bytes + #event
  end
  -- unpack() fails on some thousands of values.
  for i = 1, #events, 1000 do
    redis.call('RPUSH', log, unpack(events, i, math.min(i + 999, #events)))
  end
  local line = epoch .. ' ' .. string.format('%d', first) .. ' ' .. string.format('%d', seq) .. ' ' .. status
  if bytes <= 1048576 then
    line = line .. '\n' .. table.concat(events, '\n')
  end
  local heard = redis.pcall('PUBLISH', channel, line)
  if type(heard) == 'table' then
    redis.call('LTRIM', log, 0, -#events - 1)
    error(heard)
  end
  return seq, bytes
end
