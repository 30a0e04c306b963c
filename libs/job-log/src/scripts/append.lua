-- include: shared, limits, pausing, ledger
-- Appends events to a job's log, and ends the job when a terminal status is given: the only way output gets in.
--   KEYS 1 record, 2 log; where they are on the same server, 3 ledger, 4 what jobs are charged with, 5 what their output takes
--   ARGV 1 channel, 2 fence, 3 seq of the first event, 4 terminal status or '', 5 retentionMs,
--        6 '1' when an event carries output, 7 what the last event says of the attempt: 'paused', 'resumed', 'refused' (to
--        pause or resume), 'restarted' (the work is begun anew), 'limited' (a usage limit is reached) or '',
--        8 how long a pause may last (ms), or until when the limit holds,
--        9 how many bytes the messages have that are kept whole, apart from their events,
--        10 how many events, 11 their bodies (JSON objects with at least one member), one a line,
--        12 what the job took of budgets, as the ledger has it, 13 jobId, 14… further fields of the record (these messages, what lists show of the end), and their values
-- Returns {code, last seq, who asked for cancel or '', '1' when the job is to be paused, bytes that its log takes, tenant, status}; with
-- 'ok' also, where the ledger is elsewhere and counts its output, in which accounts, one a line, and how many bytes that takes by now
--   'ok'                taken
--   'duplicate'         taken before: the reply was lost
--   'fenced'            a newer attempt, or the sweeper, owns the job
--   'terminal'          the job has ended
--   'cancel_requested'  a cancel was recorded first: end it as cancelled
--   'gap'               these do not begin right after the last seq (what was written there was not acknowledged, the
--                       log was lost, or a fault of the caller)
--   'missing'           there is no record

local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'seq', 'epoch', 'cancelBy', 'output', 'pauseWish', 'logBytes', 'tenant', 'bodyBytes', 'outputOf')
local status = r[1]
if not status then
  return { 'missing', 0, '', '', 0, '', '' }
end
local seq, first, cancel, pause, log_bytes = tonumber(r[3]), tonumber(ARGV[3]), r[5] or '', r[7] or '', tonumber(r[8] or 0)
local count = tonumber(ARGV[10])
if r[2] ~= ARGV[2] then -- @mutation fence
  return { 'fenced', seq, cancel, pause, log_bytes, r[9], status }
end
local new_status = ARGV[4]
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
local last, bytes = append_batch(KEYS[2], ARGV[1], r[4], ARGV[2], seq, shown, now, count, ARGV[11])
local held = log_bytes + tonumber(r[10] or 0)
local holds = held + bytes + tonumber(ARGV[9])
log_bytes = log_bytes + bytes
local fields = { 'seq', last, 'logBytes', log_bytes, unpack(ARGV, 14) }
if ARGV[6] == '1' and not r[6] then
  fields[#fields + 1], fields[#fields + 2] = 'output', '1'
end
if new_status ~= '' then
  for _, text in ipairs({ 'status', new_status, 'endedAt', now }) do
    fields[#fields + 1] = text
  end
end
redis.call('HSET', KEYS[1], unpack(fields))
if tonumber(ARGV[9]) > 0 then
  redis.call('HINCRBY', KEYS[1], 'bodyBytes', ARGV[9])
end
if ARGV[7] == 'restarted' then
  redis.call('HINCRBY', KEYS[1], 'attempts', 1)
elseif ARGV[7] == 'limited' then
  redis.call('HSET', KEYS[1], 'notBefore', ARGV[8])
elseif ARGV[7] ~= '' then
  pause = change_pause(KEYS[1], ARGV[7], tonumber(ARGV[8]), tonumber(now))
end
if new_status ~= '' then
  drop_running(KEYS[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
  redis.call('PEXPIRE', KEYS[2], ARGV[5])
  settle_at_end(KEYS, ARGV[13], ARGV[12])
end
if not r[11] then
  return { 'ok', last, cancel, pause, log_bytes, r[9], shown }
end
if KEYS[5] then
  count_output(KEYS[3], KEYS[5], ARGV[13], r[11], held, holds)
end
return { 'ok', last, cancel, pause, log_bytes, r[9], shown, KEYS[5] and '' or r[11], holds }
