-- include: shared, limits
-- Begins an attempt of a queued job: raises the fence, so that nothing an earlier attempt still writes is taken.
--   KEYS 1 record, 2 index of what is due, where it is on the same server: then the job is looked at when its lease lapses, and is
--        among those whose status may change. Where it is not, schedule.lua has to come before, and mark.lua after it
--   ARGV 1 leaseMs, 2 owner: a name of this pick-up, so that a begin whose reply was lost can be sent again, 3 jobId,
--        4 and 5, with KEYS 2: what the keys of a tenant's jobs, and of those of them that are live, begin with
-- Returns {code, fence, seq, epoch, spec, remainingMs until the deadline, output,
--   '1' when it is to be paused, how often it has been begun, how many bytes of messages are kept apart from events,
--   ms from acceptance until then, until when it may wait for a usage limit to be lifted, or 0, tenant}
--   'begun'          go on; the fence is yours
--   'queue_timeout'  it was not taken in time: the fence is yours, end it as timed_out
--   'total_timeout'  likewise, but it was queued again, and no time is left to it
--   'held'           another attempt has it. Should that be dead, the sweeper sees to it, and nobody else: right after
--                    an outage of Redis a lease can look lapsed that its owner is about to renew
--   'terminal'       it has ended; tenant and status follow
--   'missing'        there is no record
local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'seq', 'epoch', 'spec', 'deadline', 'totalMs', 'output', 'owner', 'late', 'pauseWish', 'endBy', 'attempts', 'bodyBytes', 'createdAt', 'begunAt', 'tenant', 'startedAt', 'notBefore')
local status, fence = r[1], tonumber(r[2])
local now = now_ms()
local time = tonumber(now)

local function reply(code, attempts, begun_at)
  local left = code == 'begun' and math.min(tonumber(r[7]), (tonumber(r[12]) or math.huge) - time) or tonumber(r[7])
  return { code, fence, tonumber(r[3]), r[4], r[5], left, r[8] or '', r[11] or '', attempts, tonumber(r[14] or 0), begun_at - tonumber(r[15]), take_by(r[12], r[7]) or 0, r[17] }
end

if not status then
  return { 'missing' }
end
if is_terminal(status) then
  return { 'terminal', r[17], status }
end
if status == 'running' then
  if r[9] == ARGV[2] then
    return reply(r[10] ~= '' and r[10] or 'begun', tonumber(r[13] or 1), tonumber(r[16] or now))
  end
  return { 'held' }
end
local code = 'begun'
if tonumber(r[6]) < time then
  code = limit_of_queue(r[6], r[12]) .. '_timeout'
end
fence = fence + 1
local attempts = tonumber(r[13] or 0) + 1
local begun = reply(code, attempts, time)
local lapses_at = string.format('%.0f', time + tonumber(ARGV[1]))
if KEYS[2] then
  redis.call('ZADD', KEYS[2], 'LT', lapses_at, ARGV[3])
  -- Before its events. One that stands in no list any more is not put there again.
  local created = redis.call('ZSCORE', ARGV[4] .. r[17], ARGV[3])
  if created then
    redis.call('ZADD', ARGV[5] .. r[17], created, ARGV[3])
  end
end
redis.call('HSET', KEYS[1], 'status', 'running', 'fence', fence, 'owner', ARGV[2], 'begunAt', now,
  'startedAt', r[18] or now, 'attempts', attempts,
  'late', code == 'begun' and '' or code,
  'deadline', string.format('%.0f', time + begun[6]),
  'lease', lapses_at)
if r[19] then
  redis.call('HDEL', KEYS[1], 'notBefore')
end
return begun
