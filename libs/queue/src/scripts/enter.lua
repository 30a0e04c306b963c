-- include: turns
-- Puts a job in its tenant's line, unless it is there already, or handed out.
--   KEYS 1 BullMQ's list `wait`
--   ARGV 1 jobId, 2 tenant, 3 priority, 4 until when it is too early (Unix ms), or 0,
--        5 weight of the tenant, or '' (its weight, and how many may run, stay as they are), 6 how many of its jobs may run, or '',
--        7 '1' when it has had its turn, and lost it with its worker,
--        8 what marks.lua said of it before it was found to wait, or ''
-- Returns {'made'} when it is in line, or handed out, since now; {'waits'} when it was before; {'taken'} when a worker has it;
--   {'changed'} when it was handed out or done since it was marked: it may have ended
local job_id, tenant, priority = ARGV[1], ARGV[2], tonumber(ARGV[3])
if ARGV[8] ~= '' and ARGV[8] ~= mark_of(job_id) then
  return { 'changed' }
end
local entry = redis.call('HMGET', bull .. job_id, 'timestamp', 'processedOn', 'finishedOn')
if entry[1] and not entry[3] then
  return { entry[2] and 'taken' or 'waits' }
end
-- Somebody might go before it, or it may stand somewhere itself.
local must_wait = redis.call('EXISTS', READY, EARLY, line_of(tenant)) > 0
if must_wait and (redis.call('ZSCORE', line_of(tenant), job_id) or redis.call('ZSCORE', EARLY, job_id)) then
  return { 'waits' }
end
if entry[1] then
  -- What has ended is kept for a while, to be shown; BullMQ would take the new entry for it.
  redis.call('DEL', bull .. job_id)
  redis.call('ZREM', bull .. 'completed', job_id)
  redis.call('ZREM', bull .. 'failed', job_id)
end
end_turns({ job_id })

local t = redis.call('HMGET', TURNS, 'clock', 'out ' .. tenant, 'weight ' .. tenant, 'running ' .. tenant)
local weight, running = t[3] or '1', t[4] or ''
if ARGV[5] ~= '' then
  local function set(name, value, before, default)
    if value == default and before ~= default then
      redis.call('HDEL', TURNS, name .. tenant)
    elseif value ~= before then
      redis.call('HSET', TURNS, name .. tenant, value)
    end
  end
  set('weight ', ARGV[5], weight, '1')
  set('running ', ARGV[6], running, '')
  weight, running = ARGV[5], ARGV[6]
end

-- What join_line and hand_out would do with it, without a line.
local function hand_out_at_once()
  local out = tonumber(t[2] or 0) + 1
  if out > (tonumber(running) or math.huge) or room_for(0) < 1 then
    return false
  end
  local turn = math.max(tonumber(redis.call('ZSCORE', ABSENT, tenant) or 0), tonumber(t[1] or 0))
  redis.call('HSET', OUT, job_id, tenant)
  redis.call('HSET', TURNS, 'clock', exact(turn), 'out ' .. tenant, out)
  redis.call('ZREMRANGEBYSCORE', ABSENT, '-inf', exact(turn))
  redis.call('ZADD', ABSENT, exact(turn + 1 / tonumber(weight)), tenant)
  make_entry(job_id, priority)
  return true
end

if tonumber(ARGV[4]) > now then
  redis.call('ZADD', EARLY, ARGV[4], job_id)
  redis.call('HSET', EARLY_JOBS, job_id, tenant .. ' ' .. ARGV[3])
  place(tenant)
elseif must_wait or not hand_out_at_once() then
  join_line(job_id, tenant, priority, ARGV[7] == '1')
  hand_out_all(0)
end
return { 'made' }
