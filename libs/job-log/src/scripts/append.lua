-- include: shared, limits, pausing
-- Appends events to a job's log, and ends the job when a terminal status is given: the only way output gets in.
--   KEYS 1 record, 2 log
--   ARGV 1 channel, 2 jobId, 3 fence, 4 seq of the first event, 5 terminal status or '', 6 retentionMs,
--        7 '1' when an event carries output, 8 what the last event says of the attempt: 'paused', 'resumed', 'refused' (to
--        pause or resume), 'restarted' (the work is begun anew), 'limited' (a usage limit is reached) or '',
--        9 how long a pause may last (ms), or until when the limit holds, 10 how many bytes the messages have that are kept whole, apart from their events,
--        11 how many fields of the record keep them, 12… these fields and their values,
--        … event bodies (JSON objects with at least one member)
-- Returns {code, last seq, who asked for cancel or '', '1' when the job is to be paused, bytes of all its events}
--   'ok'                taken
--   'duplicate'         taken before: the reply was lost
--   'fenced'            a newer attempt, or the sweeper, owns the job
--   'terminal'          the job has ended
--   'cancel_requested'  a cancel was recorded first: end it as cancelled
--   'gap'               these do not begin right after the last seq (what was written there was not acknowledged, the
--                       log was lost, or a fault of the caller)
--   'missing'           there is no record

local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'seq', 'epoch', 'cancelBy', 'output', 'pauseWish', 'logBytes')
local status = r[1]
if not status then
  return { 'missing', 0, '', '', 0 }
end
local seq, first, cancel, pause, log_bytes = tonumber(r[3]), tonumber(ARGV[4]), r[5] or '', r[7] or '', tonumber(r[8] or 0)
local last_field = 11 + 2 * tonumber(ARGV[11])
local count = #ARGV - last_field
if r[2] ~= ARGV[3] then -- @mutation fence
  return { 'fenced', seq, cancel, pause, log_bytes }
end
local new_status = ARGV[5]
-- Before the check for a terminal status: a finish whose reply was lost is sent again. At the place of another event
-- there is none to have been taken.
if first + count - 1 <= seq and (new_status == '' or is_terminal(status)) then
  return { 'duplicate', seq, cancel, pause, log_bytes }
end
if is_terminal(status) then
  return { 'terminal', seq, cancel, pause, log_bytes }
end
if first ~= seq + 1 then
  return { 'gap', seq, cancel, pause, log_bytes }
end
if new_status ~= '' and new_status ~= 'cancelled' and cancel ~= '' then
  return { 'cancel_requested', seq, cancel, pause, log_bytes }
end
local now, bodies = now_ms(), {}
for i = 1, count do
  bodies[i] = ARGV[last_field + i]
end
local shown = new_status == '' and status or new_status
local last, bytes = append_events(KEYS[2], ARGV[1], ARGV[2], r[4], ARGV[3], seq, shown, now, bodies)
log_bytes = log_bytes + bytes
redis.call('HSET', KEYS[1], 'seq', last, 'logBytes', log_bytes)
for i = 12, last_field, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
if last_field > 11 then
  redis.call('HINCRBY', KEYS[1], 'bodyBytes', ARGV[10])
end
if ARGV[7] == '1' and not r[6] then
  redis.call('HSET', KEYS[1], 'output', '1')
end
if ARGV[8] == 'restarted' then
  redis.call('HINCRBY', KEYS[1], 'attempts', 1)
elseif ARGV[8] == 'limited' then
  redis.call('HSET', KEYS[1], 'notBefore', ARGV[9])
elseif ARGV[8] ~= '' then
  pause = change_pause(KEYS[1], ARGV[8], tonumber(ARGV[9]), tonumber(now))
end
if new_status ~= '' then
  redis.call('HSET', KEYS[1], 'status', new_status, 'endedAt', now)
  redis.call('PEXPIRE', KEYS[1], ARGV[6])
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
return { 'ok', last, cancel, pause, log_bytes }
