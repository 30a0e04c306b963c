-- Whose turn it is. Each tenant has a line of jobs, outside of BullMQ's queue; that gets one when a worker has a slot for it. A
-- tenant's turns are as far apart, on a clock that counts turns, as its weight is small (start-time fair queueing): whose next
-- one is earliest goes next, and the clock shows when that is. One that was away comes back at the clock's time, so it has saved
-- nothing. What is handed out stands in `out` until its queue entry has ended: that, and no message, is what counts for `running`.
--   KEYS 1 BullMQ's list `wait`; all others are on its slot

local bull = string.sub(KEYS[1], 1, -5)
local own = string.sub(bull, 1, -6)
-- Hash: clock, sequence; of a tenant: how many are out; its weight where it is not 1, and how many may be out, where that is limited.
local TURNS = own .. 'turns'
-- Sorted sets of tenants by their next turn: those that can have it, and others for whom it is later than now.
local READY, ABSENT = own .. 'ready', own .. 'absent'
-- Of jobs: those in lines by since when, those for which it is too early by until when, and, by id, what these are.
local WAITING, EARLY, EARLY_JOBS = own .. 'waiting', own .. 'early', own .. 'early:jobs'
-- Hash: the tenants of jobs that are handed out.
local OUT = own .. 'out'
-- Workers by until when they are believed to be there, and how many slots they have.
local WORKERS, SLOTS = own .. 'workers', own .. 'slots'
-- Jobs of one priority are so many at most. 1,000 of these are below 2^53.
local BAND = 4398046511104

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function exact(value)
  return string.format('%.17g', value)
end

local function line_of(tenant)
  return own .. 'line:' .. tenant
end

-- What BullMQ has of a job: the same again says that since then it was not handed out and done.
local function mark_of(job_id)
  local entry = redis.call('HMGET', bull .. job_id, 'timestamp', 'finishedOn')
  return (entry[1] or '') .. ' ' .. (entry[2] or '')
end

-- Puts a tenant where it belongs, when what it has in line, has out or may have out has changed.
local function place(tenant)
  local t = redis.call('HMGET', TURNS, 'clock', 'running ' .. tenant, 'out ' .. tenant)
  local next_turn = redis.call('ZSCORE', READY, tenant)
  local may_have = not t[2] or tonumber(t[3] or 0) < tonumber(t[2])
  if may_have and redis.call('EXISTS', line_of(tenant)) == 1 then
    if not next_turn then
      local kept = tonumber(redis.call('ZSCORE', ABSENT, tenant) or 0)
      redis.call('ZREM', ABSENT, tenant)
      redis.call('ZADD', READY, exact(math.max(kept, tonumber(t[1] or 0))), tenant)
    end
  elseif next_turn then
    redis.call('ZREM', READY, tenant)
    redis.call('ZADD', ABSENT, next_turn, tenant)
  end
end

-- One that keeps its turn goes before all of its priority.
local function join_line(job_id, tenant, priority, keeps_turn)
  local arrival = keeps_turn and 0 or redis.call('HINCRBY', TURNS, 'sequence', 1)
  local place_in_line = tonumber(priority) * BAND + arrival
  redis.call('ZADD', line_of(tenant), exact(place_in_line), job_id)
  redis.call('ZADD', WAITING, exact(now), job_id)
  place(tenant)
end

-- What was handed out has ended, or is lost; each job is named once.
local function end_turns(job_ids)
  local tenants, over, of_tenants = redis.call('HMGET', OUT, unpack(job_ids)), {}, {}
  for i, tenant in ipairs(tenants) do
    if tenant then
      over[#over + 1] = job_ids[i]
      of_tenants[tenant] = (of_tenants[tenant] or 0) + 1
    end
  end
  if not over[1] then
    return
  end
  redis.call('HDEL', OUT, unpack(over))
  for tenant, count in pairs(of_tenants) do
    if redis.call('HINCRBY', TURNS, 'out ' .. tenant, -count) <= 0 then
      redis.call('HDEL', TURNS, 'out ' .. tenant)
    end
    place(tenant)
  end
end

-- Makes a queue entry as BullMQ makes one of a job without options.
local function make_entry(job_id, priority)
  local options = '{"jobId":"' .. job_id .. '",' .. (priority > 0 and '"priority":' .. exact(priority) .. ',' or '') .. '"attempts":0}'
  redis.call('HSET', bull .. job_id, 'name', 'execute', 'data', '{}', 'opts', options,
    'timestamp', exact(now), 'delay', 0, 'priority', exact(priority))
  redis.call('LPUSH', KEYS[1], job_id)
  -- What wakes a worker.
  if redis.call('HEXISTS', bull .. 'meta', 'paused') == 0 then
    redis.call('ZADD', bull .. 'marker', 0, '0')
  end
end

local function hand_out(tenant, turn)
  local job = redis.call('ZPOPMIN', line_of(tenant))
  if not job[1] then
    -- Its line was taken out by hand.
    return place(tenant)
  end
  redis.call('ZREM', WAITING, job[1])
  redis.call('HSET', OUT, job[1], tenant)
  redis.call('HINCRBY', TURNS, 'out ' .. tenant, 1)
  redis.call('HSET', TURNS, 'clock', turn)
  local weight = tonumber(redis.call('HGET', TURNS, 'weight ' .. tenant) or 1)
  redis.call('ZADD', READY, exact(tonumber(turn) + 1 / weight), tenant)
  place(tenant)
  redis.call('ZREMRANGEBYSCORE', ABSENT, '-inf', turn)
  -- Gateways of older versions make entries of jobs that they find none of.
  if redis.call('EXISTS', bull .. job[1]) == 0 then
    make_entry(job[1], math.floor(tonumber(job[2]) / BAND))
  end
end

-- How many entries BullMQ may be given; `at_least` so many are to wait there, whatever is known of workers.
local function room_for(at_least)
  for _, worker in ipairs(redis.call('ZRANGEBYSCORE', WORKERS, '-inf', exact(now))) do
    redis.call('ZREM', WORKERS, worker)
    redis.call('HDEL', SLOTS, worker)
  end
  local slots = 0
  for _, count in ipairs(redis.call('HVALS', SLOTS)) do
    slots = slots + tonumber(count)
  end
  local waiting = redis.call('LLEN', KEYS[1]) + redis.call('ZCARD', bull .. 'prioritized')
  return math.max(slots - math.max(redis.call('HLEN', OUT), waiting), at_least - waiting)
end

-- Gives BullMQ as many jobs as workers have slots for beyond what is out; what older gateways put there goes first.
local function hand_out_all(at_least)
  for _, job_id in ipairs(redis.call('ZRANGEBYSCORE', EARLY, '-inf', exact(now), 'LIMIT', 0, 100)) do
    local tenant, priority = string.match(redis.call('HGET', EARLY_JOBS, job_id) or '', '^(%S+) (%S+)$')
    redis.call('ZREM', EARLY, job_id)
    redis.call('HDEL', EARLY_JOBS, job_id)
    if tenant then
      join_line(job_id, tenant, priority)
    end
  end
  if redis.call('EXISTS', READY) == 0 then
    return
  end
  local room = room_for(at_least)
  while room > 0 do
    local first = redis.call('ZRANGE', READY, 0, 0, 'WITHSCORES')
    if not first[1] then
      break
    end
    hand_out(first[1], first[2])
    room = room - 1
  end
end
