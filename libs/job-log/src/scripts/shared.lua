-- The clock, what is terminal, and how events get into a log.

-- Redis's clock in ms, as a string: Lua would print so large a number as 1.79e+12.
local function now_ms()
  local time = redis.call('TIME')
  return time[1] .. string.format('%03d', math.floor(tonumber(time[2]) / 1000))
end

local function is_terminal(status)
  return status ~= 'queued' and status ~= 'running'
end

-- Of the record of a job that has ended, drops what was about running it: a quarter of a small one, as long as that is kept. The
-- lease stays: what the sweeper would make of such a job must not hang on its absence.
local function drop_running(record)
  redis.call('HDEL', record, 'owner', 'late', 'endBy', 'leftMs', 'pausedAt', 'notBefore', 'retry', 'totalMs', 'maxAttempts', 'output')
end

-- Appends a batch to the log as two entries: its head 'firstSeq attempt time', and its bodies (JSON objects), one a line (JSON
-- holds no raw line feed). Publishes it as one message: the line "epoch firstSeq attempt time lastSeq status", then the
-- bodies. A message over 1 MiB would fill the subscribers' buffers: then only the first line goes out, and they read the log.
-- Returns the last seq, and how many bytes the batch takes. Raises what PUBLISH says, to whom it is not allowed, and appends
-- nothing then: the caller has not written the new seq yet, and the next batch would begin with the same one.
local function append_batch(log, channel, epoch, attempt, seq, status, now, count, bodies)
  local head = string.format('%d', seq + 1) .. ' ' .. attempt .. ' ' .. now
  local last = seq + count
  redis.call('RPUSH', log, head, bodies)
  local message = epoch .. ' ' .. head .. ' ' .. string.format('%d', last) .. ' ' .. status
  if #bodies <= 1048576 then
    message = message .. '\n' .. bodies
  end
  local heard = redis.pcall('PUBLISH', channel, message)
  if type(heard) == 'table' then
    redis.call('LTRIM', log, 0, -3)
    error(heard)
  end
  return last, #head + #bodies
end
