-- Appending a batch of events to a job's log; `keys` and `a` are the keys and arguments of append.lua. Needs `shared`, `limits`, `pausing` and
-- `ledger`.
local function append(keys, a)
  local r = redis.call('HMGET', keys[1], 'status', 'fence', 'seq', 'epoch', 'cancelBy', 'output', 'pauseWish', 'logBytes', 'tenant', 'bodyBytes', 'outputOf')
  local status = r[1]
  if not status then
    return { 'missing', 0, '', '', 0, '', '' }
  end
  local seq, first, cancel, pause, log_bytes = tonumber(r[3]), tonumber(a[3]), r[5] or '', r[7] or '', tonumber(r[8] or 0)
  local count = tonumber(a[10])
  if r[2] ~= a[2] then -- @mutation fence
    return { 'fenced', seq, cancel, pause, log_bytes, r[9], status }
  end
  local new_status = a[4]
  -- Before the check for a terminal status: a finish whose reply was lost is sent again. At the place of another event
  -- there is none to have been taken.
  if first + count - 1 <= seq and (new_status == '' or is_terminal(status)) then
    return { 'duplicate', seq, cancel, pause, log_bytes, r[9], status }
  end
  if is_terminal(status) then
    return { 'terminal', seq, cancel, pause, log_bytes, r[9], status }
  end
  if first ~= seq + 1 then
    return { 'gap', seq, cancel, pause, log_bytes, r[9], status }
  end
  if new_status ~= '' and new_status ~= 'cancelled' and cancel ~= '' then
    return { 'cancel_requested', seq, cancel, pause, log_bytes, r[9], status }
  end
  local now, shown = now_ms(), new_status == '' and status or new_status
  local last, bytes = append_batch(keys[2], a[1], r[4], a[2], seq, shown, now, count, a[11])
  local held = log_bytes + tonumber(r[10] or 0)
  local holds = held + bytes + tonumber(a[9])
  log_bytes = log_bytes + bytes
  local fields = { 'seq', last, 'logBytes', log_bytes, unpack(a, 14) }
  if a[6] == '1' and not r[6] then
    fields[#fields + 1], fields[#fields + 2] = 'output', '1'
  end
  if new_status ~= '' then
    for _, text in ipairs({ 'status', new_status, 'endedAt', now }) do
      fields[#fields + 1] = text
    end
  end
  redis.call('HSET', keys[1], unpack(fields))
  if tonumber(a[9]) > 0 then
    redis.call('HINCRBY', keys[1], 'bodyBytes', a[9])
  end
  if a[7] == 'restarted' then
    redis.call('HINCRBY', keys[1], 'attempts', 1)
  elseif a[7] == 'limited' then
    redis.call('HSET', keys[1], 'notBefore', a[8])
  elseif a[7] ~= '' then
    pause = change_pause(keys[1], a[7], tonumber(a[8]), tonumber(now))
  end
  if new_status ~= '' then
    drop_running(keys[1])
    redis.call('PEXPIRE', keys[1], a[5])
    redis.call('PEXPIRE', keys[2], a[5])
    settle_at_end(keys, a[13], a[12])
  end
  if not r[11] then
    return { 'ok', last, cancel, pause, log_bytes, r[9], shown }
  end
  if keys[5] then
    count_output(keys[3], keys[5], a[13], r[11], held, holds)
  end
  return { 'ok', last, cancel, pause, log_bytes, r[9], shown, keys[5] and '' or r[11], holds }
end
