-- include: shared, ledger, counting
-- Puts jobs of a tenant that have ended in the same way where such jobs are listed, and takes them out of all that is about others. Their
-- webhooks, where they have one, are due now: in one step, so that an ending that is to be told is always in one of the two indexes.
--   KEYS 1 jobs of the tenant, 2 unfinished, 3 live, 4 those that ended so, 5 expiring, 6 due, 7 claimed, 8 webhooks,
--        9 filed, 10 counters of the minute, 11 of the day, 12 ledger, 13 what jobs are charged with, 14 what their output takes,
--        15 those of whom it is by when it is gone, 16… those of the conversations that they leave, in the order of the jobs that do
--   ARGV 1 retentionMs, 2 how long the counters of the minute and 3 of the day are kept (ms), 4 how many names of counters there may be,
--        then for each job: 1 jobId, 2 what files it under its conversation (JSON), or '', 3 what it took of budgets, as the ledger has it,
--        4 how many of what follows 5 are of the minute, 5 how many are of the day: names of counters, and what to add to each: once for
--        each job, whoever says that it has ended
-- Returns {}
local now = now_ms()
local gone = string.format('%.0f', tonumber(now) + tonumber(ARGV[1]))
local jobs, ids, at = {}, {}, 5
while ARGV[at] do
  local minute_ends = at + 4 + tonumber(ARGV[at + 3])
  local job = { member = ARGV[at + 1], spent = ARGV[at + 2], from = at + 5, minute_ends = minute_ends,
    ends = minute_ends + tonumber(ARGV[at + 4]) }
  jobs[#jobs + 1], ids[#ids + 1] = job, ARGV[at]
  at = job.ends + 1
end

local function add(sums, from, to)
  for i = from, to, 2 do
    sums[ARGV[i]] = (sums[ARGV[i]] or 0) + tonumber(ARGV[i + 1])
  end
end

local function file(job_id, created, member, of_conversation)
  local filed = redis.call('HGET', KEYS[9], job_id) or '[]'
  if not string.find(filed, member, 1, true) then
    local before = filed == '[]' and '[' or string.sub(filed, 1, -2) .. ','
    redis.call('HSET', KEYS[9], job_id, before .. member .. ']')
  end
  redis.call('ZADD', of_conversation, created, job_id)
end

local minute, day, expiring, due, conversations = {}, {}, {}, {}, 15
for i, created in ipairs(redis.call('ZMSCORE', KEYS[1], unpack(ids))) do
  local job, job_id = jobs[i], ids[i]
  if created then
    if redis.call('ZADD', KEYS[4], created, job_id) == 1 then
      add(minute, job.from, job.minute_ends)
      add(day, job.minute_ends + 1, job.ends)
    end
    expiring[#expiring + 1], expiring[#expiring + 2] = gone, job_id
  end
  if job.member ~= '' then
    conversations = conversations + 1
    if created then
      file(job_id, created, job.member, KEYS[conversations])
    end
  end
  due[#due + 1], due[#due + 2] = now, job_id
end
add_counts(KEYS[10], minute, ARGV[2], tonumber(ARGV[4]))
add_counts(KEYS[11], day, ARGV[3], tonumber(ARGV[4]))
if expiring[1] then
  redis.call('ZADD', KEYS[5], 'NX', unpack(expiring))
end
for _, index in ipairs({ KEYS[2], KEYS[3], KEYS[6], KEYS[7] }) do
  redis.call('ZREM', index, unpack(ids))
end
redis.call('ZADD', KEYS[8], 'XX', 'LT', unpack(due))
for i, output in ipairs(redis.call('HMGET', KEYS[14], unpack(ids))) do
  if output then
    redis.call('ZADD', KEYS[15], 'NX', gone, ids[i])
  end
end
for i, charges in ipairs(redis.call('HMGET', KEYS[13], unpack(ids))) do
  if charges then
    settle_charges(KEYS[12], KEYS[13], ids[i], jobs[i].spent)
  end
end
return {}
