-- include: turns, taking
-- Ends entries as BullMQ does it with entries like those of turns.lua (moveToFinished), and the turns of their jobs with them; hands out
-- what there is room for then, and gives the worker the next entry in the place of each.
--   KEYS 1 BullMQ's list `wait`, 2 its list `active`
--   ARGV 1 how long the lock of what is taken holds (ms), then six for each: 1 jobId, 2 token of its lock, 3 'completed' or 'failed',
--        4 its status as JSON, or why it failed, 5 where it failed (JSON), or '', 6 '1' when the next is wanted: it gets the same token
-- Returns for each {code, what take_entry returns …}; the code is 0, or why it was not ended, as BullMQ has it: -1 there is no entry, -2 it has no
-- lock, -3 nobody has taken it, -6 its lock is another's. After a code of 1 BullMQ's own script has to look for the next
-- For how long (ms), and how many, ended entries are kept to be looked at. They go a few at a time.
local KEPT = { completed = { 3600000, 1000 }, failed = { 86400000, 1000 } }
local AT_A_TIME = 20

local function end_entry(job_id, token, state, text, stack)
  local entry = bull .. job_id
  if redis.call('EXISTS', entry) == 0 then
    return -1
  end
  local held_by = redis.call('GET', entry .. ':lock')
  if held_by ~= token then
    return held_by and -6 or -2
  end
  redis.call('DEL', entry .. ':lock')
  if redis.call('LREM', KEYS[2], -1, job_id) == 0 then
    return -3
  end
  if state == 'completed' then
    redis.call('HSET', entry, 'atm', 1, 'finishedOn', exact(now), 'returnvalue', text)
  else
    redis.call('HSET', entry, 'atm', 1, 'finishedOn', exact(now), 'failedReason', text, 'stacktrace', stack)
    redis.call('HDEL', entry, 'defa')
  end
  return 0
end

local function forget_old(state)
  local kept, max_age, most = bull .. state, unpack(KEPT[state])
  local old = redis.call('ZRANGEBYSCORE', kept, '-inf', exact(now - max_age), 'LIMIT', 0, 100)
  local excess = redis.call('ZCARD', kept) - most
  if excess >= AT_A_TIME and excess > #old then
    old = redis.call('ZRANGE', kept, 0, excess - 1)
  end
  if old[1] then
    local gone = {}
    for i, job_id in ipairs(old) do
      gone[2 * i - 1], gone[2 * i] = bull .. job_id, bull .. job_id .. ':logs'
    end
    redis.call('DEL', unpack(gone))
    redis.call('ZREM', kept, unpack(old))
  end
end

local replies, over, ended = {}, {}, { completed = {}, failed = {} }
for i = 2, #ARGV, 6 do
  local code = end_entry(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], ARGV[i + 4])
  replies[#replies + 1] = { code }
  if code == 0 then
    local of_state = ended[ARGV[i + 2]]
    of_state[#of_state + 1], of_state[#of_state + 2] = exact(now), ARGV[i]
  end
  -- Who has lost the lock has lost the turn with it.
  if code == 0 or code == -1 then
    over[#over + 1] = ARGV[i]
  end
end
if over[1] then
  redis.call('SREM', bull .. 'stalled', unpack(over))
  end_turns(over)
end
for state, entries in pairs(ended) do
  if entries[1] then
    redis.call('ZADD', bull .. state, unpack(entries))
    forget_old(state)
  end
end
hand_out_all(0)
local is_theirs, is_empty, has_taken = needs_bullmq(), false, false
for i, reply in ipairs(replies) do
  local at = 2 + (i - 1) * 6
  if reply[1] == 0 and ARGV[at + 5] == '1' then
    local taken = not is_theirs and not is_empty and take_entry(ARGV[at + 1], ARGV[1])
    if is_theirs then
      reply[1] = 1
    elseif taken then
      reply[2], reply[3], reply[4] = unpack(taken)
      has_taken = true
    else
      is_empty = true
    end
  end
end
if has_taken then
  wake_for_more()
end
return replies
