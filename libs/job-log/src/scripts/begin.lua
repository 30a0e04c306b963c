-- include: shared
-- Begins an attempt of a queued job: raises the fence, so that nothing an earlier attempt still writes is taken.
--   KEYS 1 record
--   ARGV 1 leaseMs, 2 owner: a name of this pick-up, so that a begin whose reply was lost can be sent again
-- Returns {code, fence, seq, epoch, spec, remainingMs until the deadline, output,
--   '1' when it is to be paused}
--   'begun'          go on; the fence is yours
--   'queue_timeout'  it was not taken in time: the fence is yours, end it as timed_out
--   'held'           another attempt has it. Should that be dead, the sweeper sees to it, and nobody else: right after
--                    an outage of Redis a lease can look lapsed that its owner is about to renew
--   'terminal'       it has ended
--   'missing'        there is no record
local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'seq', 'epoch', 'spec', 'deadline', 'totalMs', 'output', 'owner', 'late', 'pauseWish')
local status, fence = r[1], tonumber(r[2])
if not status then
  return { 'missing' }
end
if is_terminal(status) then
  return { 'terminal' }
end
if status == 'running' then
  if r[9] == ARGV[2] then
    local code = r[10] == '1' and 'queue_timeout' or 'begun'
    return { code, fence, tonumber(r[3]), r[4], r[5], tonumber(r[7]), r[8] or '', r[11] or '' }
  end
  return { 'held' }
end
local now = now_ms()
local code, deadline = 'begun', string.format('%.0f', tonumber(now) + tonumber(r[7]))
if tonumber(r[6]) < tonumber(now) then
  code = 'queue_timeout'
end
fence = fence + 1
redis.call('HSETNX', KEYS[1], 'startedAt', now)
redis.call('HSET', KEYS[1], 'status', 'running', 'fence', fence, 'deadline', deadline, 'owner', ARGV[2],
  'late', code == 'queue_timeout' and '1' or '',
  'lease', string.format('%.0f', tonumber(now) + tonumber(ARGV[1])))
return { code, fence, tonumber(r[3]), r[4], r[5], tonumber(r[7]), r[8] or '', r[11] or '' }
