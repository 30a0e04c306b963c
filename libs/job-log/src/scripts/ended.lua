-- include: shared, ledger, counting
-- Puts a job that has ended where such jobs are listed, and takes it out of all that is about others. Its webhook, where it has
-- one, is due now: in one step, so that an ending that is to be told is always in one of the two indexes.
--   KEYS 1 jobs of the tenant, 2 unfinished, 3 live, 4 those that ended so, 5 expiring, 6 due, 7 claimed, 8 webhooks,
--        9 filed, 10 counters of the minute, 11 of the day, 12 ledger, 13 what jobs are charged with, 14 what their output takes,
--        15 those of whom it is by when it is gone, 16 those of the conversation that it leaves, if any
--   ARGV 1 jobId, 2 retentionMs, 3 what files it under that conversation (JSON), or '', 4 how long the counters of the minute
--        and 5 of the day are kept (ms), 6 how many names of counters there may be, 7 how many of what follows the next are of the
--        minute, 8 what it took of budgets, as the ledger has it,
--        9… names of counters, and what to add to each: once for each job, whoever says that it has ended
-- Returns {}
local now = now_ms()
local gone = string.format('%.0f', tonumber(now) + tonumber(ARGV[2]))
local created = redis.call('ZSCORE', KEYS[1], ARGV[1])
if created then
  if redis.call('ZADD', KEYS[4], created, ARGV[1]) == 1 then
    local last = 8 + tonumber(ARGV[7])
    add_counts(KEYS[10], ARGV, 9, last, ARGV[4], tonumber(ARGV[6]))
    add_counts(KEYS[11], ARGV, last + 1, #ARGV, ARGV[5], tonumber(ARGV[6]))
  end
  redis.call('ZADD', KEYS[5], 'NX', gone, ARGV[1])
end
if created and ARGV[3] ~= '' then
  local filed = redis.call('HGET', KEYS[9], ARGV[1]) or '[]'
  if not string.find(filed, ARGV[3], 1, true) then
    local before = filed == '[]' and '[' or string.sub(filed, 1, -2) .. ','
    redis.call('HSET', KEYS[9], ARGV[1], before .. ARGV[3] .. ']')
  end
  redis.call('ZADD', KEYS[16], created, ARGV[1])
end
for _, index in ipairs({ KEYS[2], KEYS[3], KEYS[6], KEYS[7] }) do
  redis.call('ZREM', index, ARGV[1])
end
redis.call('ZADD', KEYS[8], 'XX', 'LT', now, ARGV[1])
if redis.call('HEXISTS', KEYS[14], ARGV[1]) == 1 then
  redis.call('ZADD', KEYS[15], 'NX', gone, ARGV[1])
end
settle_charges(KEYS[12], KEYS[13], ARGV[1], ARGV[8])
return {}
