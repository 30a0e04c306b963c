-- include: shared, ledger
-- Records a cancel. A job that no attempt has ends at once; a running one is ended by its worker, which is told
-- on the control channel and, should that be lost, by its next append or renewal.
--   KEYS 1 record, 2 log; where they are on the same server, 3 ledger, 4 what jobs are charged with
--   ARGV 1 tenant, 2 channel, 3 jobId, 4 control channel, 5 by, 6 retentionMs
-- Returns {'cancelled' | 'requested' | 'terminal' | 'missing', status, of one that is cancelled what it took of budgets}; another
-- tenant's job is missing
local r = redis.call('HMGET', KEYS[1], 'status', 'fence', 'seq', 'epoch', 'output', 'tenant', 'attempts')
local status = r[1]
if not status or r[6] ~= ARGV[1] then
  return { 'missing', '' }
end
if is_terminal(status) then -- @mutation cancel-of-ended
  return { 'terminal', status }
end
if status == 'running' then
  redis.call('HSETNX', KEYS[1], 'cancelBy', ARGV[5])
  redis.call('PUBLISH', ARGV[4], 'cancel ' .. ARGV[3])
  return { 'requested', status }
end
local now, fence = now_ms(), tonumber(r[2]) + 1
-- A lost attempt may have put output out before the job was queued anew.
local body = '{"type":"cancelled","by":"' .. ARGV[5] .. '","partial":' .. (r[5] and 'true' or 'false') .. '}'
local last = append_batch(KEYS[2], ARGV[2], r[4], fence, tonumber(r[3]), 'cancelled', now, 1, body)
redis.call('HSET', KEYS[1], 'status', 'cancelled', 'fence', fence, 'seq', last, 'cancelBy', ARGV[5], 'endedAt', now)
drop_running(KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
local spent = unsaid(r[7])
settle_at_end(KEYS, ARGV[3], spent)
return { 'cancelled', 'cancelled', spent }
