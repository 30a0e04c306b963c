-- include: shared, limits, ledger
-- Decides about one claimed job, and ends it when no worker will: the fence rises with the terminal event, so that
-- nothing the lost attempt still writes is taken.
--   KEYS 1 record, 2 log; where they are on the same server, 3 ledger, 4 what jobs are charged with
--   ARGV 1 channel, 2 when it was claimed, 3 how old the claim may be (ms), 4 retentionMs,
--        5 how long past its deadline a running job is left to its worker (ms), 6 queueMs of a job that is queued anew,
--        7 how often a job may be begun that an older gateway accepted, 8 jobId
-- Returns {code, …}
--   'stale'             the claim is too old (Redis stood still in between): nothing was done
--   'gone'              there is no record
--   'terminal', status, tenant   it has ended before
--   'ended', status, tenant, attempt   it was ended now; the attempt that was lost, or ''
--   'queued', next, …   it waits for a worker until `next`
--   'requeued', next, … its attempt was lost and may be repeated, or it had only a usage limit to wait for: it is queued again, and
--                       needs a queue entry
--   'alive', next, …    its worker has it; look again at `next`
-- … is: priority, onDisconnect, tenant, hash of its idempotency key or ''; of one that is requeued the attempt that was lost follows
local now = now_ms()
if tonumber(now) - tonumber(ARGV[2]) > tonumber(ARGV[3]) then
  return { 'stale' }
end
local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'seq', 'epoch', 'deadline', 'lease', 'retry', 'output', 'cancelBy', 'pausedAt',
  'priority', 'onDisconnect', 'tenant', 'endBy', 'attempts', 'maxAttempts', 'keyHash', 'totalMs', 'notBefore')
local status, time = r[1], tonumber(now)
if not status then
  return { 'gone' }
end
if is_terminal(status) then -- @mutation sweep-of-ended
  return { 'terminal', status, r[13] }
end
local deadline, fence = tonumber(r[5]), tonumber(r[2]) + 1
local partial = r[8] and 'true' or 'false'

local function finish(new_status, body, failure)
  local last = append_batch(KEYS[2], ARGV[1], r[4], fence, tonumber(r[3]), new_status, now, 1, body)
  redis.call('HSET', KEYS[1], 'status', new_status, 'fence', fence, 'seq', last, 'endedAt', now)
  if failure then
    redis.call('HSET', KEYS[1], 'failure', failure)
  end
  drop_running(KEYS[1])
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
  settle_at_end(KEYS, ARGV[8], unsaid(r[15]))
  return { 'ended', new_status, r[13], status == 'running' and r[2] or '' }
end

if status == 'queued' then
  if deadline <= time then
    return finish('timed_out', '{"type":"timed_out","limit":"' .. limit_of_queue(r[5], r[14]) .. '","partial":' .. partial .. '}')
  end
  return { 'queued', r[5], r[11], r[12], r[13], r[17] or '' }
end

local lease, late = tonumber(r[6]), deadline + tonumber(ARGV[5])
if lease > time and late > time then
  return { 'alive', string.format('%.0f', math.min(lease, late)), r[11], r[12], r[13], r[17] or '' }
end
if r[9] then
  return finish('cancelled', '{"type":"cancelled","by":"' .. r[9] .. '","partial":' .. partial .. '}')
end
if late <= time then
  return finish('timed_out', '{"type":"timed_out","limit":"' .. (r[10] and 'paused' or 'total') .. '","partial":' .. partial .. '}')
end
local function requeue(next)
  redis.call('HSET', KEYS[1], 'status', 'queued', 'fence', fence, 'deadline', next)
  redis.call('HDEL', KEYS[1], 'pausedAt', 'leftMs')
  return { 'requeued', next, r[11], r[12], r[13], r[17] or '', r[2] }
end

if r[19] then
  return requeue(take_by(lengthen(KEYS[1], r[10], time) or r[14], r[18]))
end
if r[7] == 'always' then
  local max_attempts = tonumber(r[16] or ARGV[7])
  if tonumber(r[15] or 0) >= max_attempts then
    local message = string.format('the worker stopped answering, at the last of %d attempts', max_attempts)
    return finish('failed', '{"type":"failed","error":{"code":"attempts_exhausted","message":"' .. message
      .. '","retrySafe":false},"partial":' .. partial .. '}', 'attempts_exhausted')
  end
  local end_by = lengthen(KEYS[1], r[10], time) or r[14]
  return requeue(queue_again(end_by, time, tonumber(ARGV[6])))
end
return finish('failed', '{"type":"failed","error":{"code":"worker_lost","message":"the worker stopped answering",'
  .. '"retrySafe":false},"partial":' .. partial .. '}', 'worker_lost')
